// How a live reading enters what the page shows, whatever is being fetched meanwhile.
import { QueryClient, QueryObserver } from '@tanstack/react-query'
import { expect, it, vi } from 'vitest'
import type { RecentObservation } from '../../../dashboard/web/api.ts'
import { takeIn } from '../../../dashboard/web/queries.ts'

it('asks once more when a reading comes while an answer from before it is under way', async () => {
  const client = new QueryClient()
  const answers = [['before'], ['before', 'live']]
  let answer = (_: string[]) => {}
  const asked = vi.fn(() => new Promise<string[]>((resolve) => (answer = resolve)))
  const history = new QueryObserver(client, {
    queryKey: ['resident', 'r1', 'history', 'blood-pressure', 30],
    queryFn: asked,
  })
  const stop = history.subscribe(() => {})
  const live = { id: 'o1', kind: 'blood-pressure', hub: 'K01', resident: { id: 'r1' }, retracted: false }
  for (const _ of [1, 2]) takeIn(client, live as RecentObservation) // two at once ask no oftener than one
  answer(answers[0]!)
  await vi.waitFor(() => expect(asked).toHaveBeenCalledTimes(2))
  answer(answers[1]!)
  await vi.waitFor(() => expect(history.getCurrentResult().data).toEqual(['before', 'live']))
  expect(asked).toHaveBeenCalledTimes(2)
  stop()
  client.clear()
})
