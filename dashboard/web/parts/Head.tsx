// The head of a page: its title with what it is about and its actions; on a phone also the way back, the data's age and the menu.
import { type ReactNode, useEffect, useRef } from 'react'
import { useText } from '../i18n.ts'
import { hrefOf, type Place } from '../route.ts'
import { Freshness } from './Freshness.tsx'
import { Me } from './Me.tsx'
import { useNarrow } from './narrow.ts'
import { Icon } from './symbols.tsx'

interface Props {
  title: ReactNode
  under?: ReactNode
  /** The page above this one. */
  back?: Place
  children?: ReactNode
}

export function Head({ title, under, back, children }: Props) {
  const { t } = useText()
  const narrow = useNarrow()
  const heading = useRef<HTMLHeadingElement>(null)
  // A new page begins at its heading, for the eye and for a screen reader.
  useEffect(() => {
    scrollTo(0, 0)
    if (document.activeElement === document.body || document.activeElement?.closest('main')) heading.current?.focus()
  }, [])
  const way = back && (
    <a href={hrefOf(back)} className="way">
      {narrow ? <Icon name="back" /> : null}
      <span className={narrow ? 'unseen' : undefined}>
        {t(back.page === 'resident' ? 'nav.back' : `nav.${back.page === 'readings' ? 'residents' : back.page}`)}
      </span>
    </a>
  )
  return (
    <header className="head">
      {narrow && way}
      <div className="what">
        {!narrow && way && <p className="small">{way}</p>}
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        {under && <p className="dim under">{under}</p>}
        {narrow && <Freshness />}
      </div>
      {children && <div className="acts">{children}</div>}
      {narrow && <Me />}
    </header>
  )
}
