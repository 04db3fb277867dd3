// A doctor's browser without the page: signs in at the clinic and asks its API, as any client would.
import type { z } from 'zod'
import {
  ApiObservation,
  Kiosk,
  listOf,
  QuarantineItem,
  RecentObservation,
  Resident,
  ResidentRow,
  Unassigned,
} from '../../dashboard/server/api/schema.ts'

export interface ClinicApi {
  cookie: string
  get(path: string): Promise<Response>
  post(path: string, body: unknown): Promise<Response>
  /** Every item of a list, page by page as the first page's anchor has it. */
  all<T extends z.ZodType>(path: string, item: T): Promise<z.infer<T>[]>
}

const ok = async (answer: Response) => {
  if (!answer.ok) throw new Error(`${answer.url} answered ${answer.status}: ${await answer.text()}`)
  return answer
}

export async function signIn(url: string, user: string, password: string): Promise<ClinicApi> {
  const post = (path: string, body: unknown, cookie = '') =>
    fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: url, cookie },
      body: JSON.stringify(body),
    })
  const session = await ok(await post('/api/session', { user, password }))
  const cookie = session.headers.getSetCookie()[0]!.split(';')[0]!
  const get = (path: string) => fetch(url + path, { headers: { cookie } })
  return {
    cookie,
    get,
    post: (path, body) => post(path, body, cookie),
    async all(path, item) {
      const List = listOf(item)
      const items: z.infer<typeof item>[] = []
      let query = ''
      for (;;) {
        const page = List.parse(await (await ok(await get(`${path}${query}`))).json())
        items.push(...page.items)
        if (page.next === null) {
          if (items.length !== page.total) throw new Error(`${path} says ${page.total} in all and gave ${items.length}`)
          return items
        }
        query = `${path.includes('?') ? '&' : '?'}page=${page.next}&before=${encodeURIComponent(page.before)}`
      }
    },
  }
}

export const residents = (api: ClinicApi) => api.all('/api/residents', ResidentRow)
export const observationsOf = (api: ClinicApi, resident: string) =>
  api.all(`/api/residents/${resident}/observations`, ApiObservation)
export const unassigned = (api: ClinicApi) => api.all('/api/unassigned', Unassigned)
export const quarantine = (api: ClinicApi) => api.all('/api/quarantine', QuarantineItem)
export const recent = (api: ClinicApi) => api.all('/api/observations/recent', RecentObservation)
export const kiosks = async (api: ClinicApi) => api.all('/api/kiosks', Kiosk)

/** The residents a search finds; what is searched for travels in the body. */
export async function search(api: ClinicApi, q: string) {
  const answer = await ok(await api.post('/api/residents/search', { q }))
  return listOf(ResidentRow).parse(await answer.json()).items
}

export const resident = async (api: ClinicApi, id: string) =>
  Resident.parse(await (await ok(await api.get(`/api/residents/${id}`))).json())
