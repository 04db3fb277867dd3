// The checker of changes: it names every way in which a reader could come to refuse what was written before.
import { expect, test } from 'vitest'
import { z } from 'zod'
import { narrowed, type Schema } from './narrowed.ts'

const schema = (of: z.ZodType) => z.toJSONSchema(of, { target: 'draft-7', io: 'input' }) as Schema
const change = (was: z.ZodType, is: z.ZodType) => narrowed(schema(was), schema(is))

const text = z.string()
const count = z.int().min(0).max(100)
const cuff = z.strictObject({ type: z.literal('cuff'), pressure: count, note: text.optional() })
const meter = z.strictObject({ type: z.literal('meter'), value: z.number().nullable() })
const record = z.discriminatedUnion('type', [cuff, meter])
const open = z.object({ a: text, b: text.optional() })

test.each<[string, z.ZodType, z.ZodType, string]>([
  ['a field newly required', open, z.object({ a: text, b: text }), 'it.b: newly required'],
  ['a new required field', open, open.extend({ c: text }), 'it.c: newly required'],
  ['a removed field', open, z.object({ a: text }), 'it.b: removed'],
  ['a renamed field', open, z.object({ a: text, bb: text.optional() }), 'it.b: removed'],
  ['another type', z.object({ a: text }), z.object({ a: z.number() }), 'it.a: string is no longer taken'],
  ['whole numbers only', z.number(), z.int(), 'it: number is no longer taken'],
  ['null refused', text.nullable(), text, 'it: null is no longer taken'],
  ['a word of an enum gone', z.enum(['a', 'b']), z.enum(['a']), 'it: "b" is no longer taken'],
  ['a text become a list of words', text, z.enum(['a', 'b']), 'it: string is no longer taken'],
  ['another constant', z.literal(1), z.literal(2), 'it: 1 is no longer taken'],
  ['a range that rose', count, z.int().min(1).max(100), 'it: minimum rose to 1'],
  ['a range that fell', count, z.int().min(0).max(99), 'it: maximum fell to 99'],
  ['an open end newly closed', z.number(), z.number().lt(300), 'it: exclusiveMaximum fell to 300'],
  ['a shorter text', text.max(64), text.max(32), 'it: maxLength fell to 32'],
  ['a text that may not be empty', text, text.min(1), 'it: minLength rose to 1'],
  ['another pattern', text.regex(/^[A-Z]$/), text.regex(/^[a-z]$/), 'it: another pattern'],
  ['a format newly asked', text, z.iso.date(), 'it: another format'],
  ['a shorter list', z.array(text).max(500), z.array(text).max(100), 'it: maxItems fell to 100'],
  ['a list that may not be empty', z.array(text), z.array(text).min(1), 'it: minItems rose to 1'],
  ['narrower items', z.array(z.enum(['a', 'b'])), z.array(z.literal('a')), 'it[]: "b" is no longer taken'],
  ['another tuple', z.tuple([count, count]), z.tuple([count, count, count]), 'it: another number of places'],
  ['narrower places', z.tuple([count, text]), z.tuple([count, text.max(3)]), 'it[1]: maxLength fell to 3'],
  ['other fields refused', z.looseObject({ a: text }), z.strictObject({ a: text }), 'other fields are no longer taken'],
  ['a kind of record gone', record, cuff, 'it: type "meter" is no longer taken'],
  ['a kind renamed', record, z.union([cuff, meter.extend({ type: z.literal('strip') })]), 'type "meter" is no longer'],
  ['a field within a kind', record, z.union([cuff.omit({ note: true }), meter]), 'it.note: removed'],
  ['narrower values', z.record(text, z.number()), z.record(text, z.number().min(0)), 'it.*: minimum rose to 0'],
  ['narrower names', z.record(text, text), z.record(text.max(8), text), 'it, its names: maxLength fell to 8'],
])('names %s', (_, was, is, expected) => {
  expect(change(was, is).join('; ')).toContain(expected)
})

test.each<[string, z.ZodType, z.ZodType]>([
  ['nothing', record, record],
  ['a new optional field', open, open.extend({ c: text.optional() })],
  ['a field no longer required', open, z.object({ a: text.optional(), b: text.optional() })],
  ['a new word of an enum', z.enum(['a', 'b']), z.enum(['a', 'b', 'c'])],
  ['an enum split in two', z.enum(['a', 'b']), z.union([z.enum(['a']), z.enum(['b'])])],
  ['words become any text', z.enum(['a', 'b']), text],
  ['null allowed', text, text.nullable()],
  ['a wider range', count, z.number().min(-1)],
  ['any number', z.int(), z.number()],
  ['a longer list', z.array(text).max(5), z.array(text).max(6)],
  ['a new kind of record', record, z.union([...record.options, z.strictObject({ type: z.literal('scale') })])],
  ['anything', record, z.unknown()],
])('lets pass %s', (_, was, is) => {
  expect(change(was, is)).toEqual([])
})

test('does not call compatible what it cannot compare', () => {
  expect(narrowed({ type: 'string' }, { type: 'string', not: { const: 'a' } })).toEqual(['it: not cannot be compared'])
})
