// Who is signed in, at which sites, and the clinic's clock: handed down to every part of the page.
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState, useSyncExternalStore } from 'react'
import type { SessionUser } from './api.ts'
import { useText } from './i18n.ts'
import type { Line, LiveLine } from './live.ts'

interface Session {
  user: SessionUser
  live: LiveLine
  signOut: () => void
}

const Context = createContext<Session | null>(null)
const TICK_MS = 10_000

export function SessionProvider({ value, children }: { value: Session; children: ReactNode }) {
  return <Context value={value}>{children}</Context>
}

export function useSession(): Session {
  const session = useContext(Context)
  if (!session) throw new Error('a part of the page was drawn outside its session')
  return session
}

export function useLine(): Line {
  const { live } = useSession()
  return useSyncExternalStore(live.subscribe, live.snapshot)
}

/** The clinic's clock in milliseconds, moving on by itself: ages run without any new data. */
export function useNow(): number {
  const { skewMs } = useLine()
  const [here, setHere] = useState(Date.now)
  useEffect(() => {
    const tick = setInterval(() => setHere(Date.now()), TICK_MS)
    return () => clearInterval(tick)
  }, [])
  return here + skewMs
}

/** Names and zones of the reader's sites. A site not among them (a reading taken elsewhere) is shown in the first one's zone. */
export function useSites() {
  const { user } = useSession()
  const { lang } = useText()
  return useMemo(() => {
    const find = (id: string) => user.sites.find((site) => site.id === id)
    return {
      first: user.sites[0] ?? null,
      nameOf: (id: string) => find(id)?.name[lang] ?? id,
      zoneOf: (id: string) => find(id)?.zone ?? user.sites[0]?.zone ?? 'Asia/Shanghai',
    }
  }, [user, lang])
}
