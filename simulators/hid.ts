// A USB-HID device without hardware: the driver talks to it through a Transport in memory, report by report.
import type { Transport } from '../devices/kit/driver.ts'
import { findSimulator, lineCommands, type Surroundings, timers } from './device.ts'
import { CommandError, obey, type Said } from './devices/device.ts'
import { faultyWire } from './faults.ts'
import { seeded } from './random.ts'

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
  const clock = timers()
  let plugged = around.plugged ?? true
  let opened: ReportQueue | undefined

  const toHost = (report: Uint8Array) => {
    opened?.push(report)
    return opened !== undefined
  }
  const wire = faultyWire(toHost, seeded(around.seed ?? 1), clock.later)
  const device = simulator.make({ now: around.now, zone: around.zone, later: clock.later, send: (r) => wire.send(r) })
  const close = () => {
    opened?.end()
    opened = undefined
  }
  const plug = (into: boolean) => {
    if (into === plugged) return
    plugged = into
    if (into) return device.plugged?.()
    close()
    device.unplugged?.()
  }
  const commands = { ...device.commands, ...lineCommands(wire, plug) }

  return {
    async open() {
      if (!plugged) throw new Error(`${driver} is not plugged in`)
      if (opened) throw new Error(`${driver} is open already`)
      const queue = new ReportQueue()
      opened = queue
      return {
        chunks: queue,
        async write(report) {
          if (opened !== queue) throw new Error(`${driver} was unplugged or closed`)
          device.receive(report)
        },
        async close() {
          queue.end()
          if (opened === queue) opened = undefined
        },
      }
    },
    say: (raw) => obey(commands, raw),
    end() {
      plug(false)
      clock.callOff()
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
