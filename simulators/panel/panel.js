// The demo's panel in the browser: each button sends one command, the state is asked for every second.
const $ = (id) => document.getElementById(id)
const NAMES = { reader: ['读卡器', 'card reader'], cuff: ['血压计', 'cuff'], meter: ['血糖仪', 'meter'] }

const both = (element, zh, en) => {
  const english = document.createElement('span')
  english.lang = 'en'
  english.textContent = en
  element.replaceChildren(zh, english)
}

async function send(command) {
  const answer = await fetch('do', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(command),
  })
  if (!answer.ok) both($('answer'), '没有做成：', (await answer.json()).message)
  else $('answer').replaceChildren()
  await refresh()
}

function cable({ id, plugged }) {
  const button = document.createElement('button')
  const [zh, en] = NAMES[id]
  button.type = 'button'
  both(button, plugged ? `拔掉${zh}` : `插上${zh}`, plugged ? `Pull the ${en}'s cable` : `Plug the ${en} in`)
  button.addEventListener('click', () => send({ cable: id, plugged: !plugged }))
  return button
}

let shown = ''
async function refresh() {
  const state = await (await fetch('state')).json()
  if (JSON.stringify(state) === shown) return
  shown = JSON.stringify(state)
  if ($('person').options.length !== state.people.length)
    $('person').replaceChildren(...state.people.map((name, n) => new Option(`${n + 1} · ${name}`, n)))
  $('cables').replaceChildren(...state.devices.map(cable))
  if (state.paused) both($('paused'), '自动来访已暂停。', 'Automatic visitors are paused.')
  else $('paused').replaceChildren()
}

for (const button of document.querySelectorAll('[data-do]'))
  button.addEventListener('click', () => {
    const command = JSON.parse(button.dataset.do)
    return send(command.card === 'lay' ? { card: Number($('person').value) } : command.card ? { card: null } : command)
  })

await refresh()
setInterval(refresh, 1000)
