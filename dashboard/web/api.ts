// The typed client of the clinic's API: one function a route; every refusal is an ApiFailure with the server's code.
import type { z } from 'zod'
import type {
  ApiError,
  ApiObservation,
  Assign,
  Kiosk,
  listOf,
  QuarantineBody,
  QuarantineCounts,
  QuarantineItem,
  RecentObservation,
  Resident,
  ResidentRow,
  Retried,
  SessionUser,
  Unassigned,
} from '../server/api/schema.ts'

export type { ApiObservation, Kiosk, QuarantineItem, RecentObservation, Resident, ResidentRow, SessionUser, Unassigned }
export type Kind = ApiObservation['kind']
export type Page<T> = Omit<z.infer<ReturnType<typeof listOf>>, 'items'> & { items: T[] }
/** Where the next page begins; the first page needs none. */
export interface Anchor {
  page: number
  before?: string
}

/** `code` is the API's own, or `no-answer` when nothing (or no JSON) came back. `message` is the server's English text. */
export class ApiFailure extends Error {
  override name = 'ApiFailure'
  readonly code: string
  readonly status: number
  constructor(code: string, status: number, message: string) {
    super(message)
    this.code = code
    this.status = status
  }
}

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const request: RequestInit = { method, headers: { accept: 'application/json' }, credentials: 'same-origin' }
  if (body !== undefined) {
    request.body = JSON.stringify(body)
    request.headers = { ...request.headers, 'content-type': 'application/json' }
  }
  const response = await fetch(path, request).catch((cause: unknown) => {
    throw new ApiFailure('no-answer', 0, String(cause))
  })
  const text = await response.text()
  if (response.ok) return (text === '' ? undefined : JSON.parse(text)) as T
  const said = errorOf(text)
  throw new ApiFailure(said?.error ?? 'no-answer', response.status, said?.message ?? response.statusText)
}

/** A proxy in between may answer with HTML: then nothing of it is shown. */
function errorOf(text: string): z.infer<typeof ApiError> | null {
  if (!text.startsWith('{')) return null
  const value = JSON.parse(text) as Partial<z.infer<typeof ApiError>>
  return typeof value.error === 'string' ? { error: value.error, message: value.message ?? '' } : null
}

const query = (values: Record<string, string | number | undefined>) => {
  const set = Object.entries(values).filter((pair): pair is [string, string | number] => pair[1] !== undefined)
  return `?${new URLSearchParams(set.map(([key, value]) => [key, String(value)]))}`
}

export const api = {
  session: () => call<SessionUser>('GET', 'api/session'),
  signIn: (user: string, password: string) => call<SessionUser>('POST', 'api/session', { user, password }),
  signOut: () => call<void>('DELETE', 'api/session'),
  residents: (at: Anchor) => call<Page<ResidentRow>>('GET', `api/residents${query({ ...at })}`),
  // What is searched for never stands in an address.
  search: (q: string, at: Anchor) => call<Page<ResidentRow>>('POST', 'api/residents/search', { q, ...at }),
  resident: (id: string) => call<Resident>('GET', `api/residents/${id}`),
  observations: (id: string, range: { kind?: Kind; from?: string; to?: string }, at: Anchor) =>
    call<Page<ApiObservation>>('GET', `api/residents/${id}/observations${query({ ...range, ...at })}`),
  unassigned: (at: Anchor) => call<Page<Unassigned>>('GET', `api/unassigned${query({ ...at })}`),
  assign: (id: string, body: z.infer<typeof Assign>) => call<void>('POST', `api/unassigned/${id}`, body),
  quarantine: (hub: string | null, at: Anchor) =>
    call<Page<QuarantineItem>>('GET', `api/quarantine${query({ ...at, hub: hub ?? undefined })}`),
  quarantineCounts: () => call<z.infer<typeof QuarantineCounts>>('GET', 'api/quarantine/counts'),
  quarantineBody: (id: string) => call<z.infer<typeof QuarantineBody>>('GET', `api/quarantine/${id}`),
  /** Of one, or of all there are. */
  retryQuarantine: (id: string | null) =>
    call<z.infer<typeof Retried>>('POST', id === null ? 'api/quarantine/retry' : `api/quarantine/${id}/retry`, {}),
  kiosks: (at: Anchor) => call<Page<Kiosk>>('GET', `api/kiosks${query({ ...at })}`),
}

/** Every item of a list, page by page under one anchor: nothing skipped or doubled by newcomers. */
export async function everyPage<T>(fetchPage: (at: Anchor) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = []
  let at: Anchor = { page: 1 }
  for (;;) {
    const page = await fetchPage(at)
    items.push(...page.items)
    if (page.next === null) return items
    at = { page: page.next, before: page.before }
  }
}
