// Who is signed in, and what that person may set: language, single keys, signing out.
import { Menu, UnstyledButton } from '@mantine/core'
import { useState } from 'react'
import { speak, useText } from '../i18n.ts'
import { keysAreOn, setKeys } from '../keys.ts'
import { useSession } from '../session.tsx'
import { Icon } from './symbols.tsx'

export function Me() {
  const { t, lang } = useText()
  const { user, signOut } = useSession()
  const [keys, set] = useState(keysAreOn)
  const toggle = () => {
    setKeys(!keys)
    set(!keys)
  }
  return (
    <Menu position="bottom-end" width={240}>
      <Menu.Target>
        <UnstyledButton className="me" aria-label={t('me.menu', { user: user.user })}>
          <i aria-hidden="true">{user.user.slice(0, 1).toUpperCase()}</i>
          <span className="desk">{user.user}</span>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {user.user} · {t(`role.${user.role}`)}
        </Menu.Label>
        <Menu.Item lang={lang === 'zh' ? 'en' : 'zh-CN'} onClick={() => void speak(lang === 'zh' ? 'en' : 'zh')}>
          {t('me.otherLanguage')}
        </Menu.Item>
        <Menu.Item onClick={toggle}>{t(keys ? 'me.keysOff' : 'me.keysOn')}</Menu.Item>
        <Menu.Item leftSection={<Icon name="leave" />} onClick={signOut}>
          {t('me.signOut')}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
