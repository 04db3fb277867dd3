// What a later schema refuses that an earlier one took: the whole meaning of an incompatible change, over JSON Schema as zod writes it.

export type Schema = { readonly [keyword: string]: unknown }

/** Keywords that say nothing of what is valid. */
const SILENT = ['$schema', '$id', 'title', 'description', '$comment', 'default', 'definitions']
const KNOWN = [
  ...['type', 'const', 'enum', 'anyOf', 'oneOf', 'properties', 'required', 'additionalProperties', 'propertyNames'],
  ...['items', 'additionalItems', 'minItems', 'maxItems', 'pattern', 'format', 'minLength', 'maxLength'],
  ...['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
]

/** One sentence for each way in which `now` refuses what `base` took; empty when it takes all of it. */
export function narrowed(base: Schema, now: Schema, path = 'it'): string[] {
  const unknown = [base, now].flatMap((s) => Object.keys(s)).find((k) => ![...SILENT, ...KNOWN].includes(k))
  if (unknown !== undefined) return [`${path}: ${unknown} cannot be compared`]
  if (Object.keys(now).every((keyword) => SILENT.includes(keyword))) return []
  const choices = alternatives(now)
  return alternatives(base).flatMap((one) => {
    const kin = choices.filter((choice) => isKin(one, choice))
    if (kin.length === 0) return [`${path}: ${nameOf(one)} is no longer taken`]
    const faults = kin.map((choice) => narrowedOne(one, choice, path))
    return faults.reduce((least, next) => (next.length < least.length ? next : least))
  })
}

/** Each shape a schema allows, alone: of several types each, of an enum each constant. */
function alternatives(schema: Schema): Schema[] {
  const several = (schema.anyOf ?? schema.oneOf) as Schema[] | undefined
  if (several) return several.flatMap(alternatives)
  if (Array.isArray(schema.type)) return schema.type.flatMap((type) => alternatives({ ...schema, type }))
  const { enum: values, ...rest } = schema
  return Array.isArray(values) ? values.map((value) => ({ ...rest, const: value })) : [schema]
}

const properties = (schema: Schema) => (schema.properties ?? {}) as Record<string, Schema>

/** Is `now` the shape that `one` was, perhaps changed? Its type is, and so are the constants in both, such as a record's `type`. */
function isKin(one: Schema, now: Schema): boolean {
  if ('const' in now) return now.const === one.const
  const type = 'const' in one && one.type === undefined ? typeof one.const : one.type
  if (now.type !== undefined && now.type !== type && !(type === 'integer' && now.type === 'number')) return false
  return Object.entries(properties(one)).every(([name, was]) => {
    const is = properties(now)[name]
    return !('const' in was) || !is || !('const' in is) || was.const === is.const
  })
}

function nameOf(one: Schema): string {
  if ('const' in one) return JSON.stringify(one.const)
  const marks = Object.entries(properties(one)).filter(([, schema]) => 'const' in schema)
  const mark = marks.map(([name, schema]) => `${name} ${JSON.stringify(schema.const)}`).join(', ')
  return mark || (typeof one.type === 'string' ? one.type : 'anything')
}

const narrowedOne = (base: Schema, now: Schema, path: string) => [
  ...texts(base, now, path),
  ...bounds(base, now, path, 'minimum', 'maximum'),
  ...bounds(base, now, path, 'exclusiveMinimum', 'exclusiveMaximum'),
  ...lists(base, now, path),
  ...objects(base, now, path),
]

const texts = (base: Schema, now: Schema, path: string) => [
  ...(['pattern', 'format'] as const).flatMap((rule) =>
    now[rule] === undefined || now[rule] === base[rule] ? [] : [`${path}: another ${rule}`],
  ),
  ...bounds(base, now, path, 'minLength', 'maxLength'),
]

function bounds(base: Schema, now: Schema, path: string, low: string, high: string): string[] {
  const at = (schema: Schema, bound: string, none: number) => (schema[bound] as number | undefined) ?? none
  return [
    ...(at(now, low, -Infinity) > at(base, low, -Infinity) ? [`${path}: ${low} rose to ${now[low]}`] : []),
    ...(at(now, high, Infinity) < at(base, high, Infinity) ? [`${path}: ${high} fell to ${now[high]}`] : []),
  ]
}

function lists(base: Schema, now: Schema, path: string): string[] {
  const count = bounds(base, now, path, 'minItems', 'maxItems')
  if (now.items === undefined) return count
  if (Array.isArray(now.items)) {
    const was = Array.isArray(base.items) ? (base.items as Schema[]) : null
    if (was?.length !== now.items.length) return [...count, `${path}: another number of places`]
    return [...count, ...now.items.flatMap((item, i) => narrowed(was[i]!, item, `${path}[${i}]`))]
  }
  if (Array.isArray(base.items)) return [...count, `${path}: places became a list`]
  return [...count, ...narrowed((base.items ?? {}) as Schema, now.items as Schema, `${path}[]`)]
}

function objects(base: Schema, now: Schema, path: string): string[] {
  const [was, is] = [properties(base), properties(now)]
  const [needed, needs] = [base, now].map((s) => (s.required ?? []) as string[]) as [string[], string[]]
  const faults = needs.filter((name) => !needed.includes(name)).map((name) => `${path}.${name}: newly required`)
  for (const [name, schema] of Object.entries(was)) {
    const next = is[name]
    faults.push(...(next ? narrowed(schema, next, `${path}.${name}`) : [`${path}.${name}: removed`]))
  }
  const [others, other] = [base.additionalProperties, now.additionalProperties]
  if (other === false && others !== false) faults.push(`${path}: other fields are no longer taken`)
  else if (typeof other === 'object' && others !== false)
    faults.push(...narrowed(typeof others === 'object' ? (others as Schema) : {}, other as Schema, `${path}.*`))
  if (now.propertyNames !== undefined)
    faults.push(...narrowed((base.propertyNames ?? {}) as Schema, now.propertyNames as Schema, `${path}, its names`))
  return faults
}
