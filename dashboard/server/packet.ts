// Follows MQTT's packets through a stream, to know how large the next one says it is before it is gathered.

/** The remaining length takes at most four bytes (MQTT 3.1.1, 2.2.3). */
const LENGTH_BYTES = 4

/** @returns a function to call with each chunk of one connection: false once a packet is longer than `most` bytes, or no packet at all */
export function packetMeter(most: number): (chunk: Uint8Array) => boolean {
  let inside = 0 // bytes of the current packet that are still to come
  let header = 0 // bytes of its fixed header that have been read
  let length = 0
  return (chunk) => {
    for (let at = 0; at < chunk.length; ) {
      if (inside > 0) {
        const step = Math.min(inside, chunk.length - at)
        inside -= step
        at += step
        continue
      }
      const byte = chunk[at++]!
      if (header++ === 0) continue // its type
      length += (byte & 0x7f) * 128 ** (header - 2)
      if (length > most || (byte & 0x80 && header > LENGTH_BYTES)) return false
      if (byte & 0x80) continue
      inside = length
      header = 0
      length = 0
    }
    return true
  }
}
