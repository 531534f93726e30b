"""The command line.

In: arguments and files. Out: text or JSON on standard output, messages on standard error, an exit code.
`main` holds the table of commands; each command is one module, imported when it is called. Imports anything.
"""
