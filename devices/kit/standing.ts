// Devices that say a figure again and again while somebody stands on them or holds a finger in: it is told once, when it has settled.
import type { Facts, Told } from './driver.ts'
import { type Link, LinkTimeout } from './link.ts'

/** What a frame shows: equal text is the same figure, still standing; it is believed when that many frames have shown it. */
export interface Shown {
  figure: string
  settle: number
}

/**
 * Tells each figure once, however often it is repeated; the same figure after `gapMs` of silence, or after nothing was
 * shown, is another reading.
 * @param shown null: nothing yet, or nothing any more; undefined: this frame says nothing of it
 * @param earlier the facts that belong to a frame that says only a part
 */
export async function* eachOnce(
  link: Link,
  gapMs: number,
  shown: (frame: Uint8Array) => Shown | null | undefined,
  earlier?: () => readonly Facts[],
): AsyncGenerator<Told> {
  let standing: string | null = null
  let count = 0
  while (true) {
    const frame: Uint8Array | null = await link.receive(standing === null ? undefined : gapMs).catch((error) => {
      if (error instanceof LinkTimeout) return null
      throw error
    })
    const now: Shown | null | undefined = frame && shown(frame)
    if (now === undefined) continue
    count = now && now.figure === standing ? count + 1 : 1
    standing = now?.figure ?? null
    if (frame && now && count === now.settle) yield* link.tell(frame, earlier?.())
  }
}
