// The built page in a real Chromium: what every browser test of the doctor's page begins with.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { build } from 'vite'
import { PASSWORD } from '../api/clinic.ts'
import { openVillage, type Village } from './village.ts'

export const DESK: BrowserContextOptions = { viewport: { width: 1440, height: 900 } }
export const PHONE: BrowserContextOptions = { viewport: { width: 360, height: 780 }, hasTouch: true, isMobile: true }

/** Builds the page, opens a village behind it and a browser before it. */
export async function openBrowser(residents?: number) {
  const web = mkdtempSync(join(tmpdir(), 'clinic-web-'))
  await build({ mode: 'doctor', logLevel: 'error', build: { outDir: web } })
  const village = await openVillage(web, residents)
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  })
  return {
    village,
    /** A fresh browser profile at the sign-in page; `wrong` gathers console errors and violations of the policy. */
    visit: async (options: BrowserContextOptions = DESK) => {
      const context = await browser.newContext({ timezoneId: 'Asia/Shanghai', locale: 'zh-CN', ...options })
      const page = await context.newPage()
      const wrong: string[] = []
      page.on('console', (message) => message.type() === 'error' && wrong.push(message.text()))
      page.on('pageerror', (error) => wrong.push(error.message))
      await page.goto(village.url)
      return { page, wrong, context }
    },
    end: async () => {
      await browser.close()
      await village.end()
      rmSync(web, { recursive: true })
    },
  }
}
export type Opened = Awaited<ReturnType<typeof openBrowser>>

export async function signIn(page: Page, user = 'ding') {
  await page.locator('input[name=user]').fill(user)
  await page.locator('input[name=password]').fill(PASSWORD)
  await page.locator('button[type=submit]').click()
  await page.locator('.row.person').first().waitFor()
}

/** Opens the resident with the long history. */
export async function openJia(page: Page) {
  await page.locator('search input').first().fill('甲')
  await page.locator('.row.person', { hasText: '测试·甲' }).locator('a').click()
  await page.locator('.canvas svg').nth(1).waitFor()
  await page.locator('.data tbody tr').nth(7).waitFor()
}

export const open = (page: Page, hash: string) =>
  page.evaluate((to) => {
    location.hash = to
  }, hash)

export const nobody = async (village: Village) =>
  (await (await village.as('ding')).get('/api/unassigned')).body as { total: number; items: { id: string }[] }
