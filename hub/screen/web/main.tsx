// The visitor's page starts here: words, then the hub's view, then the screens.
import { createRoot } from 'react-dom/client'
import { Page } from './page.tsx'
import { prepareWords } from './words.ts'

const place = document.getElementById('page')
if (!place) throw new Error('index.html has no element with the id "page"')
await prepareWords()
createRoot(place).render(<Page />)
