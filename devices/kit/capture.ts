// Reads .capture files: what a device said, frame by frame, and what it means. Fixture, documentation and script at once.
import { z } from 'zod'
import { fromHex } from './bytes.ts'
import { DeviceEvent } from './event.ts'

export interface Step {
  /** `<` device → host, `>` host → device; HID payloads stand as whole reports. */
  from: 'device' | 'host'
  bytes: Uint8Array
  events: DeviceEvent[]
  /** `! FrameError`: this frame is refused and tells nothing. */
  refused: boolean
}

export interface Capture {
  driver: string
  /** Where the bytes come from: a public capture (project, path), or `from notes`. */
  source: string
  scenes: { title: string; steps: Step[] }[]
}

/**
 * Lines: `# <driver>: <title>`, `# source: …`, `== <title of the next scene>`, `< hex`, `> hex`, `= event as JSON`,
 * `! FrameError`, other `#` lines are remarks. A line that is none of these is an error with its number.
 */
export function readCapture(text: string): Capture {
  const capture: Capture = { driver: '', source: '', scenes: [] }
  const scene = (title: string) => capture.scenes.push({ title, steps: [] })
  for (const [index, line] of text.split('\n').entries()) {
    try {
      const last = capture.scenes.at(-1)?.steps.at(-1)
      const rest = line.slice(2).trim()
      if (line.startsWith('# source:')) capture.source = line.slice('# source:'.length).trim()
      else if (capture.driver === '' && line.startsWith('# ')) {
        const [driver = '', title = ''] = rest.split(/: (.*)/)
        capture.driver = driver
        scene(title)
      } else if (line.startsWith('== ')) scene(line.slice(3).trim())
      else if (line.startsWith('< ') || line.startsWith('> '))
        capture.scenes.at(-1)!.steps.push({
          from: line.startsWith('<') ? 'device' : 'host',
          bytes: fromHex(rest),
          events: [],
          refused: false,
        })
      else if (line.startsWith('= ')) last!.events.push(DeviceEvent.parse(JSON.parse(rest)))
      else if (line.startsWith('! FrameError')) last!.refused = true
      else if (line.trim() !== '' && !line.startsWith('#')) throw new Error('expected # == < > = or !')
    } catch (error) {
      const why = error instanceof z.ZodError ? z.prettifyError(error) : String(error)
      throw new Error(`capture, line ${index + 1}: ${why}`, { cause: error })
    }
  }
  return capture
}
