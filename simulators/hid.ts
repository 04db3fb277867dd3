// A USB-HID device without hardware: the driver talks to it through a Transport in memory, report by report.
import type { Transport } from '../devices/kit/driver.ts'
import { attachDevice, findSimulator, type Surroundings } from './device.ts'
import { CommandError, type Said } from './devices/device.ts'

export interface RunningHidDevice {
  /** Opens it, once at a time. Rejects while the device is unplugged or open elsewhere. */
  open(): Promise<Transport>
  /** Obeys one command. Throws CommandError that says what is possible. */
  say(command: unknown): Promise<Said>
  end(): void
}

/** Starts a HID driver's simulated device. Throws CommandError for an unknown driver or one with a serial line. */
export async function startHidDevice(driver: string, around: Surroundings): Promise<RunningHidDevice> {
  const simulator = await findSimulator(driver)
  if (simulator.line !== 'hid') throw new CommandError(`${driver} has a serial line: start it behind a pseudo-terminal`)
  let opened: ReportQueue | undefined
  let toDevice = (_report: Uint8Array) => {}
  const cable = (receive: (report: Uint8Array) => void) => {
    toDevice = receive
    let plugged = true
    return {
      plugged: () => plugged,
      send(report: Uint8Array) {
        opened?.push(report)
        return opened !== undefined
      },
      plug() {
        plugged = true
      },
      pull() {
        plugged = false
        opened?.end()
        opened = undefined
      },
    }
  }
  const { plugged, ...device } = attachDevice(simulator, cable, around)

  return {
    ...device,
    async open() {
      if (!plugged()) throw new Error(`${driver} is not plugged in`)
      if (opened) throw new Error(`${driver} is open already`)
      const queue = new ReportQueue()
      opened = queue
      return {
        chunks: queue,
        async write(report) {
          if (opened !== queue) throw new Error(`${driver} was unplugged or closed`)
          toDevice(report)
        },
        async close() {
          queue.end()
          if (opened === queue) opened = undefined
        },
      }
    },
  }
}

/** Reports on their way to one reader; ends once, and gives out what came before the end. */
class ReportQueue implements AsyncIterable<Uint8Array> {
  #waiting: Uint8Array[] = []
  #ended = false
  #wake = () => {}

  push(report: Uint8Array) {
    if (!this.#ended) this.#waiting.push(report)
    this.#wake()
  }

  end() {
    this.#ended = true
    this.#wake()
  }

  async *[Symbol.asyncIterator]() {
    for (;;) {
      const report = this.#waiting.shift()
      if (report) yield report
      else if (this.#ended) return
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    }
  }
}
