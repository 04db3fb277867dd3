// What the visitor's page says and does: never a number that is none, nothing left behind, each key what it says.
import { expect, test } from 'vitest'
import { screen } from '../../../hub/screen/server.ts'
import { faults, kiosk, log, measure, open, SIZES, show, source, speak } from './browser.ts'
import { base, cuff, glucose, pressure, reader, SCENES, scripted, visit } from './scenes.ts'

test('a failure shows no number at all, in either language, also when results came before it (FC-02)', async () => {
  await open()
  const failed = visit({
    step: 'failure',
    failure: { of: 'blood-pressure', code: '2047', reason: 'not-determined' },
    results: [pressure(146, 88)],
  })
  await show({ ...base, visit: failed })
  for (const language of ['zh', 'en'] as const) {
    await speak(language)
    expect(await kiosk.page.locator('main').textContent()).not.toMatch(/\d/)
  }
  await expect(kiosk.page.locator('h1').textContent()).resolves.toBe('No reading this time')
})

test('HI and LO stand as words, without digits and without a unit, and say what to do (FC-06)', async () => {
  await open()
  const values = () => kiosk.page.locator('dl').textContent()
  await show({ ...base, visit: visit({ step: 'result', results: [glucose(null, 'mg/dL', null, { range: 'above' })] }) })
  expect(await values()).toBe('血糖HI')
  expect(await kiosk.page.locator('main').textContent()).toContain('请今天就看医生')
  await show({
    ...base,
    visit: visit({ step: 'result', results: [glucose(null, 'mmol/L', null, { range: 'below' })] }),
  })
  expect(await values()).toBe('血糖LO')
  expect(await kiosk.page.locator('main').textContent()).toContain('血糖很低')
})

test('glucose is shown in mmol/L with one decimal, with the figure the meter sent beside it', async () => {
  await open()
  await show({ ...base, visit: visit({ step: 'result', results: [glucose(126, 'mg/dL', 'fasting')] }) })
  expect(await kiosk.page.locator('dl').textContent()).toBe('血糖mmol/L7.0')
  expect(await kiosk.page.locator('.facts').textContent()).toContain('126 mg/dL')
})

test('a reading that is nobody’s shows no number, and says that staff will find out', async () => {
  await open()
  await show(SCENES['result-not-yours']!)
  const text = await kiosk.page.locator('main').textContent()
  expect(text).not.toMatch(/\d/)
  expect(text).toContain('工作人员会查清')
})

test('the time of a reading is the site’s, whatever the zone of the machine', async () => {
  await open([1024, 768], { timezoneId: 'America/Los_Angeles' })
  const yesterday = pressure(118, 76, { takenAt: '2026-03-02T00:15:00Z' })
  await show({ ...base, visit: visit({ step: 'result', results: [yesterday] }) })
  expect(await kiosk.page.locator('.facts').textContent()).toMatch(/03-02 08:15 测量/)
})

test('live cuff pressure says that it is no result, and only stands where the device tells it', async () => {
  await open()
  await show(SCENES.measuring!)
  expect(await kiosk.page.locator('.live').textContent()).toMatch(/128 mmHg.*这还不是结果/)
  await show(SCENES['measuring-untold']!)
  expect(await kiosk.page.locator('.live').textContent()).not.toMatch(/\d/)
})

test('when the visit ends, neither name nor number nor value is left in the page', async () => {
  await open()
  await show(SCENES.result!)
  await speak('en')
  await show(SCENES.goodbye!)
  const html = () => kiosk.page.evaluate(() => (document.body.innerHTML + document.title).replaceAll(/ d="[^"]*"/g, ''))
  for (const secret of ['测＊·甲', '119999', '0099', '146', '88']) expect(await html()).not.toContain(secret)
  await show(base)
  await kiosk.page.waitForFunction(() => document.documentElement.lang === 'zh-CN')
  for (const secret of ['测＊·甲', '119999', '0099', '146', '88']) expect(await html()).not.toContain(secret)
})

test('each key tells the hub what it says, and nothing else', async () => {
  await open()
  const touch = async (view: typeof base, ...names: (string | RegExp)[]) => {
    source.done.length = 0
    await show(view)
    for (const name of names) await kiosk.page.getByRole('button', { name }).click()
    await expect.poll(() => source.done.length).toBeGreaterThan(0)
    return [...source.done]
  }
  expect(await touch(base, /不用卡/)).toEqual([{ do: 'guest' }])
  expect(await touch(SCENES.choose!, /血压/, '绑好了，开始')).toEqual([{ do: 'start', device: 'cuff' }])
  expect(await touch(SCENES.measuring!, '停止测量')).toEqual([{ do: 'stop', device: 'cuff' }])
  expect(await touch(SCENES['failure-cuff']!, '再来一次')).toEqual([{ do: 'again' }])
  expect(await touch(SCENES.result!, '完成')).toEqual([{ do: 'leave' }])
  expect(await touch(SCENES.idle!, '我还在')).toEqual([{ do: 'stay' }])
  await show(SCENES.severe!)
  source.done.length = 0
  await kiosk.page.getByRole('button', { name: '完成' }).click()
  await kiosk.page.getByRole('dialog').getByRole('button', { name: '留下' }).click()
  await kiosk.page.getByRole('dialog').waitFor({ state: 'detached' })
  expect(source.done).toEqual([])
  await kiosk.page.getByRole('button', { name: '完成' }).click()
  await kiosk.page.getByRole('dialog').getByRole('button', { name: '离开' }).click()
  await expect.poll(() => source.done).toEqual([{ do: 'leave' }])
  source.done.length = 0
  await show(SCENES.measuring!)
  await kiosk.page.locator('main.measuring').waitFor()
  await kiosk.page.getByRole('button', { name: '离开' }).click()
  await expect.poll(() => source.done).toEqual([{ do: 'stop', device: 'cuff' }, { do: 'leave' }])
})

test('a screen does not change under a finger: a view waits until 400 ms after the last touch', async () => {
  await open()
  await kiosk.page.evaluate(() => {
    dispatchEvent(new PointerEvent('pointerdown'))
    const touched = performance.now()
    new MutationObserver(() => {
      document.documentElement.dataset.waited ??= String(performance.now() - touched)
    }).observe(document.getElementById('page')!, { subtree: true, childList: true })
  })
  source.show({ ...base, visit: visit() })
  await kiosk.page.locator('.band').waitFor()
  const waited = await kiosk.page.evaluate(() => Number(document.documentElement.dataset.waited))
  expect(waited).toBeGreaterThanOrEqual(390)
})

test('the panel beside the kiosk.page opens where there is room, is folded where there is none, and leaves the keys free', async () => {
  const aside = { ...base, aside: 'about:blank' }
  await open(SIZES[1])
  await show(aside)
  await kiosk.page.locator('iframe.panel').waitFor()
  expect(await measure()).toEqual([])
  await kiosk.page.getByRole('button', { name: '收起面板' }).click()
  expect(await kiosk.page.locator('iframe').count()).toBe(0)
  await kiosk.page.context().close()
  await open(SIZES[2])
  await show({ ...aside, notice: SCENES['welcome-demo']!.notice, visit: SCENES.result!.visit })
  expect(await kiosk.page.locator('iframe').count()).toBe(0)
  expect(await measure()).toEqual([])
  await kiosk.page.getByRole('button', { name: '操作面板' }).click()
  const [panel, leave] = [
    await kiosk.page.locator('iframe').boundingBox(),
    await kiosk.page.getByRole('button', { name: '离开' }).boundingBox(),
  ]
  expect(panel!.y + panel!.height).toBeLessThanOrEqual(leave!.y)
})

test('an instrument that is lost while it measures is named, with what to do', async () => {
  await open()
  const lost = { ...cuff, state: 'lost', cause: 'gone' } as const
  await show({ ...base, devices: [reader, lost], visit: visit({ step: 'measuring', device: 'cuff', pressure: 90 }) })
  const text = await kiosk.page.locator('main').textContent()
  expect(text).toContain('血压计没有连上')
  expect(text).not.toMatch(/\d/)
})

test('when the hub goes, the kiosk.page shows nothing of the visit; when it is back, it goes on by itself', async () => {
  const own = scripted(SCENES.result!)
  const end = new AbortController()
  const metrics = { text: async () => 'figures\n', contentType: 'text/plain', token: null }
  const options = { host: '127.0.0.1', log, metrics, webRoot: kiosk.folder }
  const first = await screen(own, { ...options, port: 0 }, end.signal)
  await open([1024, 768], {}, first.url)
  await kiosk.page.getByText('146').waitFor()
  end.abort()
  await first.closed
  await kiosk.page.getByText('请稍等').waitFor()
  expect(await kiosk.page.locator('body').textContent()).not.toMatch(/146|119999|测＊/)
  const again = new AbortController()
  const second = await screen(own, { ...options, port: Number(new URL(first.url).port) }, again.signal)
  await kiosk.page.getByText('146').waitFor()
  await kiosk.page.context().close()
  again.abort()
  await second.closed
  const expected = /ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED/ // what the test did itself
  expect(faults.filter((text) => !expected.test(text))).toEqual([])
  faults.length = 0
})
