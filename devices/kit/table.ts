// The device table of the READMEs, made from the drivers: it cannot go stale, a test compares it.
import type { Driver } from './driver.ts'

/** Markdown, one row a driver, sorted as given; ends without a line break. */
export function deviceTable(drivers: readonly Driver[]): string {
  const rows = drivers.map((d) => [
    `\`${d.id}\``,
    `${d.vendor} ${d.models.join(', ')}`,
    d.kind.replace('-', ' '),
    d.transport.type === 'serial' ? `serial, ${d.transport.baud ?? 'set your'} baud` : 'USB HID',
    d.memory ? 'asked for its memory' : d.polled ? 'polled' : 'speaks when measured',
    d.check === 'none' ? 'none: shape and range' : d.checkCovers ? `${d.check} of the whole answer` : d.check,
    d.evidence,
  ])
  const head = ['Driver', 'Models', 'Kind', 'Line', 'Reading', 'Check', 'Evidence']
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((cells) => cells[i]!.length)))
  const line = (cells: string[], fill: string) => `| ${cells.map((c, i) => c.padEnd(widths[i]!, fill)).join(' | ')} |`
  return [
    line(head, ' '),
    line(
      head.map(() => ''),
      '-',
    ),
    ...rows.map((cells) => line(cells, ' ')),
  ].join('\n')
}
