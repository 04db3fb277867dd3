// The stored mark: the clinic's answer, the whole truth about what it keeps of a hub's rows (promises 1.5).
import { z } from 'zod'
import { Instant, RecordId } from './record.ts'

export const Mark = z.object({
  epoch: RecordId,
  through: z.number().int().nonnegative(),
  /** Closed ranges [a, b] up to `through` that the clinic does not have. */
  missing: z.array(z.tuple([z.number().int(), z.number().int()])),
})

export const StoredMark = z.object({
  v: z.literal(1),
  rev: z.number().int().positive(),
  id: z.string(),
  at: Instant,
  marks: z.array(Mark),
})
export type StoredMark = z.infer<typeof StoredMark>

/** Does this mark say that the clinic keeps row `seq` of `epoch`? Undefined when it does not speak of the epoch. */
export function covers(mark: StoredMark, epoch: string, seq: number): boolean | undefined {
  const one = mark.marks.find((m) => m.epoch === epoch)
  return one && seq <= one.through && !one.missing.some(([a, b]) => seq >= a && seq <= b)
}
