// Starts the doctor's page: texts, colours, the query cache, the session and the live line.
import '@mantine/core/styles/baseline.layer.css'
import '@mantine/core/styles/default-css-variables.layer.css'
import '@mantine/core/styles/global.layer.css'
import '@mantine/core/styles/UnstyledButton.layer.css'
import '@mantine/core/styles/ScrollArea.layer.css'
import '@mantine/core/styles/Paper.layer.css'
import '@mantine/core/styles/Popover.layer.css'
import '@mantine/core/styles/Menu.layer.css'
import '@mantine/core/styles/Loader.layer.css'
import '@mantine/core/styles/Button.layer.css'
import '@mantine/core/styles/ActionIcon.layer.css'
import '@mantine/core/styles/CloseButton.layer.css'
import '@mantine/core/styles/Input.layer.css'
import '@mantine/core/styles/InlineInput.layer.css'
import '@mantine/core/styles/PasswordInput.layer.css'
import '@mantine/core/styles/Radio.layer.css'
import '@mantine/core/styles/SegmentedControl.layer.css'
import './tokens.css'
import './look/frame.css'
import './look/parts.css'
import './look/tables.css'
import './look/charts.css'
import './look/phone.css'
import './look/print.css'
import { MantineProvider } from '@mantine/core'
import { QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { setNonce } from 'get-nonce'
import { StrictMode, useEffect, useMemo, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './App.tsx'
import { ApiFailure, api, type SessionUser } from './api.ts'
import { startTexts } from './i18n.ts'
import { type LiveLine, makeLive } from './live.ts'
import { SignIn } from './pages/signin/SignIn.tsx'
import { SessionProvider } from './session.tsx'
import { cssVariablesResolver, theme } from './theme.ts'

const nonce = document.querySelector<HTMLMetaElement>('meta[name=csp-nonce]')?.content ?? ''
setNonce(nonce) // for what Modal and Menu inject of their own

/** Paper is always light; a screen follows the system. */
const night = matchMedia('screen and (prefers-color-scheme: dark)')
const paint = () => {
  document.documentElement.dataset.scheme = night.matches ? 'dark' : 'light'
}
night.addEventListener('change', paint)
paint()

/** Set while this browser may hold a session; it says nothing of whom. */
const CAME = 'came-in'

/** undefined: not yet known; null: nobody. */
function Root({ client, live, events }: { client: QueryClient; live: LiveLine; events: EventTarget }) {
  const [user, setUser] = useState<SessionUser | null | undefined>(undefined)
  const [expired, setExpired] = useState(false)
  useEffect(() => {
    const out = () => {
      live.close()
      client.clear()
      setExpired(true)
      setUser(null)
    }
    events.addEventListener('signed-out', out)
    // Asked only where somebody signed in before: a first visit then begins without a refusal.
    if (localStorage.getItem(CAME) === null) setUser(null)
    else void api.session().then(setUser, () => setUser(null))
    return () => events.removeEventListener('signed-out', out)
  }, [client, live, events])
  useEffect(() => {
    if (!user) return
    localStorage.setItem(CAME, '1')
    live.open()
    return live.close
  }, [user, live])
  const session = useMemo(
    () =>
      user && {
        user,
        live,
        // Signed out is only who the server says is: without an answer the page stays and says so.
        signOut: () =>
          void api.signOut().then(() => {
            client.clear()
            localStorage.removeItem(CAME)
            setExpired(false)
            setUser(null)
          }, live.failed),
      },
    [user, live, client],
  )
  if (user === undefined) return null
  if (!session) return <SignIn onSignedIn={setUser} expired={expired} />
  return (
    <SessionProvider value={session}>
      <App />
    </SessionProvider>
  )
}

const events = new EventTarget()
const heard: { live: LiveLine | null } = { live: null }
const client = new QueryClient({
  queryCache: new QueryCache({
    onError: (error) => error instanceof ApiFailure && heard.live?.failed(error),
    onSuccess: () => heard.live?.succeeded(),
  }),
  defaultOptions: { queries: { staleTime: 60_000, retry: false, refetchOnWindowFocus: true, networkMode: 'always' } },
})
const live = makeLive(client, Date.now, () => events.dispatchEvent(new Event('signed-out')))
heard.live = live

await startTexts()
const root = document.getElementById('root')
if (!root) throw new Error('index.html has no #root')
createRoot(root).render(
  <StrictMode>
    <MantineProvider
      theme={theme}
      cssVariablesResolver={cssVariablesResolver}
      defaultColorScheme="auto"
      getStyleNonce={() => nonce}
    >
      <QueryClientProvider client={client}>
        <Root client={client} live={live} events={events} />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
)
