// Builds the two web pages with one toolchain: `vite build --mode doctor` and `vite build --mode visitor`.
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

const ROOTS: Record<string, string> = { doctor: 'dashboard/web', visitor: 'hub/screen/web' }

export default defineConfig(({ mode }) => {
  const root = ROOTS[mode]
  if (!root) throw new Error(`vite: no page for mode "${mode}" (expected ${Object.keys(ROOTS).join(' or ')})`)
  return {
    root,
    // Relative addresses: the page works under any path of the clinic's server.
    base: './',
    plugins: [react()],
    // No data: URLs, so that the content-security policy can stay at 'self'.
    build: { outDir: `${import.meta.dirname}/dist/${root}`, emptyOutDir: true, assetsInlineLimit: 0 },
  }
})
