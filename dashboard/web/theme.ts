// Mantine in the house colours: every one of its variables that shows is led back to a token of tokens.css.
import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from '@mantine/core'

const jade: MantineColorsTuple = [
  '#dcebe6',
  '#c3ded6',
  '#9cc9bd',
  '#73b3a4',
  '#4a9c8b',
  '#22877a',
  '#0a5c55',
  '#09524c',
  '#07443f',
  '#053530',
]

export const theme = createTheme({
  colors: { jade },
  primaryColor: 'jade',
  primaryShade: { light: 6, dark: 3 },
  fontFamily: 'var(--font)',
  headings: { fontFamily: 'var(--font)' },
  radius: { xs: '4px', sm: '6px', md: '10px' },
  defaultRadius: 'sm',
  shadows: { xs: 'none', sm: 'none', md: 'var(--lift)', lg: 'var(--lift)', xl: 'var(--lift)' },
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    Button: { defaultProps: { size: 'sm' } },
  },
})

const variables = {
  '--mantine-color-body': 'var(--paper)',
  '--mantine-color-text': 'var(--ink)',
  '--mantine-color-dimmed': 'var(--ink-2)',
  '--mantine-color-placeholder': 'var(--ink-3)',
  '--mantine-color-anchor': 'var(--azure)',
  '--mantine-color-error': 'var(--s2-fg)',
  '--mantine-color-default': 'var(--card)',
  '--mantine-color-default-hover': 'var(--sunken)',
  '--mantine-color-default-color': 'var(--ink)',
  '--mantine-color-default-border': 'var(--edge)',
  '--mantine-color-disabled': 'var(--sunken)',
  '--mantine-color-disabled-color': 'var(--ink-3)',
  '--mantine-color-disabled-border': 'var(--line)',
  '--mantine-primary-color-filled': 'var(--jade)',
  '--mantine-primary-color-filled-hover': 'var(--jade-deep)',
  '--mantine-primary-color-light': 'var(--jade-soft)',
  '--mantine-primary-color-light-hover': 'var(--jade-soft)',
  '--mantine-primary-color-light-color': 'var(--jade)',
  '--mantine-primary-color-contrast': 'var(--on-jade)',
  '--mantine-color-jade-filled': 'var(--jade)',
  '--mantine-color-jade-filled-hover': 'var(--jade-deep)',
  '--mantine-color-jade-light': 'var(--jade-soft)',
  '--mantine-color-jade-light-hover': 'var(--jade-soft)',
  '--mantine-color-jade-light-color': 'var(--jade)',
  '--mantine-color-jade-outline': 'var(--jade)',
  '--mantine-color-jade-outline-hover': 'var(--jade-soft)',
}

export const cssVariablesResolver: CSSVariablesResolver = () => ({ variables, light: variables, dark: variables })
