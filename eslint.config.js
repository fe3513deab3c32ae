import jsdoc from 'eslint-plugin-jsdoc'
import ts from 'typescript-eslint'

const library = ['src/**/*.ts', 'operators/**/*.ts', 'connectors/**/*.ts']

export default ts.config(
  { ignores: ['dist', 'eslint.config.js', 'test/fixtures'] },
  ts.configs.strictTypeChecked,
  { languageOptions: { parserOptions: { projectService: true } } },
  {
    files: library,
    extends: [jsdoc.configs['flat/recommended-typescript-error']],
    rules: {
      'no-console': 'error',
      'max-lines': ['error', 300],
      'max-lines-per-function': ['error', 60],
      'func-style': ['error', 'declaration'],
      'jsdoc/require-jsdoc': [
        'error',
        { publicOnly: true, contexts: ['TSInterfaceBody > TSPropertySignature'] },
      ],
      'jsdoc/require-param': 'off',
      'jsdoc/require-returns': 'off',
      'jsdoc/require-yields': 'off',
      'jsdoc/tag-lines': 'off',
    },
  },
)
