// What stands where data would: none yet, still coming, cannot be had; and how much of a list is shown.
import { Button } from '@mantine/core'
import { ApiFailure } from '../api.ts'
import { type Key, useText } from '../i18n.ts'
import { useSession } from '../session.tsx'

/** Plain words instead of an empty box. */
export function Nothing({ id, values }: { id: Key; values?: Record<string, string | number> }) {
  const { t } = useText()
  return <p className="pad dim">{t(id, values)}</p>
}

/** A refusal in the reader's language; the server's own English stands behind for what has no words here. */
export function useRefusal(): (error: unknown) => string {
  const { t, has } = useText()
  return (error) => {
    if (!(error instanceof ApiFailure)) return t('error.internal')
    const key = `error.${error.code}`
    return has(key) ? t(key) : `${t('error.other')} ${error.message}`
  }
}

/** Nothing could be fetched yet: why, and again. What was fetched before stays in place and the bar says so. */
export function Trouble({ error }: { error: unknown }) {
  const { t } = useText()
  const { live } = useSession()
  const refusal = useRefusal()
  return (
    <div className="pad" role="alert">
      <p>{refusal(error)}</p>
      <Button variant="default" mt="sm" onClick={live.open}>
        {t('fresh.retry')}
      </Button>
    </div>
  )
}

interface Paged {
  items: readonly unknown[] | null
  total: number | null
  hasNextPage: boolean
  isFetchingNextPage: boolean
  fetchNextPage: () => Promise<unknown>
}

/** `共 230 条，已显示 50`: a list that is cut says so, and can be had to its end. */
export function More({ list }: { list: Paged }) {
  const { t } = useText()
  if (!list.items || list.total === null || !list.hasNextPage) return null
  return (
    <div className="more pad">
      <span className="dim">{t('list.shown', { total: list.total, shown: list.items.length })}</span>
      <Button variant="default" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
        {t('list.more')}
      </Button>
    </div>
  )
}
