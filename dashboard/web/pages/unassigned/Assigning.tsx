// Giving one reading to one resident: who stood there before and after (in the order of time, nobody likelier), a reason, the result.
import { Button, Radio, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, type Unassigned as Reading } from '../../api.ts'
import { figureOf, mealOf, saidBy, sourceOf } from '../../figures.ts'
import { type Key, useText } from '../../i18n.ts'
import { SearchField } from '../../parts/SearchField.tsx'
import { Masked, Name, Value } from '../../parts/said.tsx'
import { Nothing, useRefusal } from '../../parts/states.tsx'
import { useResidents } from '../../queries.ts'
import { hrefOf } from '../../route.ts'
import { useNow, useSites } from '../../session.tsx'
import { clock, recent } from '../../time.ts'
import { useWhy } from './why.ts'

type Person = Reading['candidates'][number]['resident']
const REASONS: readonly Key[] = ['reason.inPerson', 'reason.saw', 'reason.paper', 'reason.phone']
const OTHER = 'other'

/** @param reading null once it is assigned (or was by somebody else) and has left the list */
export function Assigning({ id, reading }: { id: string; reading: Reading | null }) {
  const { t } = useText()
  const [shown, setShown] = useState(reading)
  const [person, setPerson] = useState<Person | null>(null)
  const [done, setDone] = useState<{ person: Person; reason: string; at: number } | null>(null)
  const now = useNow()
  const { zoneOf } = useSites()
  if (reading !== null && shown === null) setShown(reading)
  if (shown === null)
    return (
      <aside className="panel" aria-label={t('assign.title')}>
        <Nothing id="assign.gone" />
      </aside>
    )
  const zone = zoneOf(shown.site)
  return (
    <aside className="panel" aria-label={t('assign.title')}>
      <What reading={shown} />
      {done ? (
        <div className="pad" role="status">
          <p>
            <b>
              {t('assign.done', { time: clock(done.at, zone) })} <Name of={done.person} />
            </b>
          </p>
          <p className="small dim">{t('assign.because', { reason: done.reason })}</p>
          <p className="small">
            <a href={hrefOf({ page: 'resident', id: done.person.id })}>{t('residents.open')}</a>
          </p>
        </div>
      ) : reading === null ? (
        <Nothing id="assign.gone" />
      ) : person ? (
        <Reason
          id={id}
          person={person}
          onBack={() => setPerson(null)}
          onDone={(reason) => setDone({ person, reason, at: now })}
        />
      ) : (
        <Choosing reading={shown} onChoose={setPerson} />
      )}
    </aside>
  )
}

function What({ reading }: { reading: Reading }) {
  const { t } = useText()
  const why = useWhy()
  const now = useNow()
  const { zoneOf } = useSites()
  const at =
    reading.takenAt === null ? t('time.undated') : recent(Date.parse(reading.takenAt), zoneOf(reading.site), now, t)
  return (
    <div className="pad">
      <h2>
        {t(`kind.${reading.kind}`)} <Value figure={figureOf(reading)} note={mealOf(reading, t)} age={at} />
      </h2>
      <dl className="pair">
        <dt>{t('column.why')}</dt>
        <dd>{why(reading)}</dd>
        <dt>{t('column.deviceSaid')}</dt>
        <dd>{saidBy(reading, t)}</dd>
        <dt>{t('column.source')}</dt>
        <dd>
          {sourceOf(reading)} {reading.device.serial && <span className="fine">{reading.device.serial}</span>}
        </dd>
      </dl>
    </div>
  )
}

function Choosing({ reading, onChoose }: { reading: Reading; onChoose: (person: Person) => void }) {
  const { t } = useText()
  const now = useNow()
  const { zoneOf } = useSites()
  const [q, setQ] = useState('')
  const candidates = reading.candidates.toSorted((a, b) => Date.parse(a.visitOpenedAt) - Date.parse(b.visitOpenedAt))
  return (
    <>
      <div className="pad">
        <h3>{t('assign.there')}</h3>
        <p className="fine">{t('assign.notRanked')}</p>
        {candidates.length === 0 && <p className="small dim">{t('assign.nobodyThere')}</p>}
        <ul className="choices">
          {candidates.map(({ resident, visitOpenedAt, when }) => (
            <Choice key={`${resident.id} ${visitOpenedAt}`} person={resident} onChoose={onChoose}>
              {t(`assign.${when}`, { time: recent(Date.parse(visitOpenedAt), zoneOf(reading.site), now, t) })}
            </Choice>
          ))}
        </ul>
      </div>
      <div className="pad">
        <h3>{t('assign.another')}</h3>
        <SearchField q={q} onSearch={setQ} hotkey={null} />
        {q !== '' && <Found q={q} onChoose={onChoose} />}
      </div>
    </>
  )
}

function Found({ q, onChoose }: { q: string; onChoose: (person: Person) => void }) {
  const { t } = useText()
  const { items, total } = useResidents(q)
  if (items === null) return null
  if (items.length === 0) return <p className="small dim">{t('residents.notFound', { q })}</p>
  return (
    <>
      <p className="fine">{t('list.shown', { total: total ?? 0, shown: items.length })}</p>
      <ul className="choices">
        {items.map((row) => (
          <Choice key={row.id} person={row} onChoose={onChoose}>
            {row.birthDate ?? ''}
          </Choice>
        ))}
      </ul>
    </>
  )
}

function Choice({
  person,
  onChoose,
  children,
}: {
  person: Person
  onChoose: (person: Person) => void
  children: string
}) {
  const { t } = useText()
  return (
    <li>
      <span>
        <Name of={person} />
        <span className="small dim">{children}</span>
        <span className="fine">
          <Masked number={person.numberMasked} />
        </span>
      </span>
      <Button variant="default" onClick={() => onChoose(person)} aria-label={t('assign.giveTo', { name: person.name })}>
        {t('assign.give')}
      </Button>
    </li>
  )
}

function Reason({
  id,
  person,
  onBack,
  onDone,
}: {
  id: string
  person: Person
  onBack: () => void
  onDone: (reason: string) => void
}) {
  const { t } = useText()
  const refusal = useRefusal()
  const client = useQueryClient()
  const [choice, setChoice] = useState<string | null>(null)
  const [free, setFree] = useState('')
  const [missing, setMissing] = useState(false)
  const reason = choice === OTHER ? free.trim() : choice === null ? '' : t(choice as Key)
  const send = useMutation({
    mutationFn: () => api.assign(id, { resident: person.id, reason }),
    onSuccess: async () => {
      onDone(reason)
      await client.invalidateQueries({ queryKey: ['unassigned'] })
      await client.invalidateQueries({ queryKey: ['resident', person.id] })
      await client.invalidateQueries({ queryKey: ['residents'] })
    },
  })
  return (
    <form
      className="pad reason"
      noValidate
      onSubmit={(event) => {
        event.preventDefault()
        setMissing(reason === '')
        if (reason !== '') send.mutate()
      }}
    >
      <div className="card">
        <Name of={person} />
        <Masked number={person.numberMasked} />
      </div>
      <Radio.Group
        label={t('reason.label')}
        description={t('reason.audited')}
        value={choice}
        onChange={setChoice}
        error={missing ? t('reason.missing') : null}
      >
        <div className="answers">
          {REASONS.map((key) => (
            <Radio key={key} value={key} label={t(key)} />
          ))}
          <Radio value={OTHER} label={t('reason.other')} />
        </div>
      </Radio.Group>
      {choice === OTHER && (
        <TextInput
          aria-label={t('reason.free')}
          placeholder={t('reason.free')}
          maxLength={200}
          value={free}
          onChange={(event) => setFree(event.currentTarget.value)}
        />
      )}
      {send.error && (
        <p className="note s2" role="alert">
          {refusal(send.error)}
        </p>
      )}
      <div className="acts">
        <Button type="submit" loading={send.isPending}>
          {t('assign.confirm')}
        </Button>
        <Button variant="default" onClick={onBack}>
          {t('assign.back')}
        </Button>
      </div>
    </form>
  )
}
