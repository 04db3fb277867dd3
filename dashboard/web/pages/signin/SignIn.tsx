// Signing in: two fields, one button, and a refusal in plain words that keeps what was typed.
import { Button, PasswordInput, TextInput } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import { ApiFailure, api, type SessionUser } from '../../api.ts'
import { speak, useText } from '../../i18n.ts'
import { Mark } from '../../parts/symbols.tsx'

export function SignIn({ onSignedIn, expired }: { onSignedIn: (user: SessionUser) => void; expired: boolean }) {
  const { t, lang, has } = useText()
  const [user, setUser] = useState('')
  const [password, setPassword] = useState('')
  const [code, setCode] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    if (user === '' || password === '') return setCode('empty')
    setBusy(true)
    await api.signIn(user, password).then(onSignedIn, (failure: unknown) => {
      setCode(failure instanceof ApiFailure ? failure.code : 'internal')
      setBusy(false)
    })
  }
  const key = `error.${code ?? ''}`
  return (
    <div className="door">
      <main className="panel" id="main">
        <form className="pad" onSubmit={(event) => void submit(event)} noValidate>
          <h1>
            <Mark /> {t('signin.title')}
          </h1>
          <p className="dim">{t('signin.lead')}</p>
          {expired && code === null && (
            <p className="note s1" role="status">
              {t('signin.expired')}
            </p>
          )}
          {code !== null && (
            <p className="note s2" role="alert">
              {has(key) ? t(key) : t('error.internal')}
            </p>
          )}
          <TextInput
            label={t('signin.user')}
            name="user"
            autoComplete="username"
            autoFocus
            value={user}
            onChange={(event) => setUser(event.currentTarget.value)}
          />
          <PasswordInput
            label={t('signin.password')}
            name="password"
            autoComplete="current-password"
            visibilityToggleButtonProps={{ 'aria-label': t('signin.show') }}
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
          />
          <Button type="submit" fullWidth loading={busy}>
            {t('signin.submit')}
          </Button>
        </form>
        <div className="pad fine">
          {t('signin.note')}{' '}
          <button
            type="button"
            className="link"
            lang={lang === 'zh' ? 'en' : 'zh-CN'}
            onClick={() => void speak(lang === 'zh' ? 'en' : 'zh')}
          >
            {t('me.otherLanguage')}
          </button>
        </div>
      </main>
    </div>
  )
}
