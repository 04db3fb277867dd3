// What the page asks for and keeps: query keys, their fetchers, and how a live reading enters what is already shown.
import {
  type InfiniteData,
  infiniteQueryOptions,
  type QueryClient,
  type QueryKey,
  queryOptions,
  useInfiniteQuery,
  useQuery,
} from '@tanstack/react-query'
import {
  type Anchor,
  type ApiObservation,
  api,
  everyPage,
  type Kind,
  type Kiosk,
  type Page,
  type RecentObservation,
  type Resident,
  type ResidentRow,
} from './api.ts'
import { dayStart } from './time.ts'

const FIRST: Anchor = { page: 1 }

function paged<T>(key: readonly string[], fetchPage: (at: Anchor) => Promise<Page<T>>) {
  return infiniteQueryOptions({
    queryKey: key,
    queryFn: ({ pageParam }: { pageParam: Anchor }) => fetchPage(pageParam),
    initialPageParam: FIRST,
    getNextPageParam: (last: Page<T>): Anchor | null =>
      last.next === null ? null : { page: last.next, before: last.before },
  })
}

/** A paged list with what is loaded so far and the true total. */
function usePaged<T>(key: readonly string[], fetchPage: (at: Anchor) => Promise<Page<T>>) {
  const query = useInfiniteQuery(paged(key, fetchPage))
  return {
    ...query,
    items: query.data?.pages.flatMap((page) => page.items) ?? null,
    total: query.data?.pages.at(-1)?.total ?? null,
  }
}

export const useResidents = (q: string) =>
  usePaged<ResidentRow>(['residents', q], (at) => (q === '' ? api.residents(at) : api.search(q, at)))
export const useUnassigned = () => usePaged(['unassigned'], api.unassigned)
/** @param hub null: of all */
export const useQuarantine = (hub: string | null = null) =>
  usePaged(['quarantine', hub ?? ''], (at) => api.quarantine(hub, at))
/** How many lie in it of each kiosk, the most first. */
export const useQuarantineHubs = () =>
  useQuery(
    queryOptions({
      queryKey: ['quarantine', '', 'counts'],
      queryFn: async () => {
        const hubs = new Map<string, number>()
        for (const { hub, count } of (await api.quarantineCounts()).counts)
          if (hub !== null) hubs.set(hub, count + (hubs.get(hub) ?? 0))
        return [...hubs].sort(([a, n], [b, m]) => m - n || a.localeCompare(b))
      },
    }),
  )
/** Every reading there is of one resident, newest first, a page at a time. */
export const useReadings = (id: string) =>
  usePaged<ApiObservation>(['resident', id, 'readings'], (at) => api.observations(id, {}, at))

export const useKiosks = () => useQuery(queryOptions({ queryKey: ['kiosks'], queryFn: () => everyPage(api.kiosks) }))
export const useResident = (id: string) =>
  useQuery(queryOptions({ queryKey: ['resident', id], queryFn: () => api.resident(id) }))

const historyKey = (id: string, kind: Kind, days: number) => ['resident', id, 'history', kind, days] as const

/** All readings of one kind within the last `days` days of the site's calendar, oldest first. */
export const useHistory = (id: string, kind: Kind, days: number, zone: string, now: number) =>
  useQuery(
    queryOptions({
      queryKey: historyKey(id, kind, days),
      queryFn: async () => {
        const from = new Date(dayStart(now, zone, days - 1)).toISOString()
        return inOrder(await everyPage((at) => api.observations(id, { kind, from }, at)))
      },
    }),
  )

const momentOf = (o: ApiObservation) => Date.parse(o.takenAt ?? o.receivedAt)
const inOrder = (list: readonly ApiObservation[]) => [...list].sort((a, b) => momentOf(a) - momentOf(b))
const FIGURE: Partial<Record<Kind, keyof ResidentRow['latest']>> = {
  'blood-pressure': 'bloodPressure',
  glucose: 'glucose',
}

/** The latest of a resident after one more reading: the newest by its own time, and a newer version of the same one. */
function latestWith<R extends ResidentRow>(resident: R, observation: ApiObservation): R {
  const figure = FIGURE[observation.kind]
  if (!figure) return resident
  const shown = resident.latest[figure]
  const newer = shown === null || shown.id === observation.id || momentOf(observation) >= momentOf(shown)
  return newer ? { ...resident, latest: { ...resident.latest, [figure]: observation } } : resident
}

/** An answer under way may have been made before the reading was kept: after it, the same is asked once more. */
function askOnceMore(client: QueryClient, concerned: (key: QueryKey) => boolean) {
  for (const query of client.getQueryCache().findAll({ fetchStatus: 'fetching' })) {
    const { queryKey } = query
    if (!concerned(queryKey)) continue
    const again = () => void client.invalidateQueries({ queryKey, exact: true }, { cancelRefetch: false })
    query.promise?.then(again, again)
  }
}

/** Puts a live reading where it is shown; what cannot be known from it alone is fetched again. */
export function takeIn(client: QueryClient, { resident, ...observation }: RecentObservation) {
  askOnceMore(client, ([list, id]) => list === 'kiosks' || list === 'residents' || id === resident?.id)
  client.setQueryData<Kiosk[]>(['kiosks'], (kiosks) =>
    kiosks?.map((kiosk) => (kiosk.hub === observation.hub ? { ...kiosk, lastReading: observation.receivedAt } : kiosk)),
  )
  if (resident === null) {
    void client.invalidateQueries({ queryKey: ['unassigned'] })
    return
  }
  const known = client.getQueryData<Resident>(['resident', resident.id])
  if (known) client.setQueryData<Resident>(['resident', resident.id], latestWith(known, observation))
  client.setQueriesData<ApiObservation[]>(
    { queryKey: ['resident', resident.id, 'history', observation.kind] },
    (shown) => shown && inOrder([...shown.filter((o) => o.id !== observation.id), observation]),
  )
  void client.invalidateQueries({ queryKey: ['resident', resident.id, 'readings'] })
  void client.invalidateQueries({ queryKey: ['resident', resident.id], exact: true })
  if (observation.retracted) void client.invalidateQueries({ queryKey: ['residents'] })
  for (const [key, list] of client.getQueriesData<InfiniteData<Page<ResidentRow>>>({ queryKey: ['residents'] })) {
    if (list === undefined) continue
    if (!list.pages.some((page) => page.items.some((row) => row.id === resident.id))) {
      void client.invalidateQueries({ queryKey: key }) // somebody new: only the server knows where in the list
      continue
    }
    const rowWith = (row: ResidentRow) => (row.id === resident.id ? latestWith(row, observation) : row)
    client.setQueryData<InfiniteData<Page<ResidentRow>>>(key, {
      ...list,
      pages: list.pages.map((page) => ({ ...page, items: page.items.map(rowWith) })),
    })
  }
}
