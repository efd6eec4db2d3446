# Writes the example company's files into a C source, for `hq demo`: embed.py FOLDER OUTPUT.c DEPFILE
# Only what belongs to an example: a company that ran there has left state, secrets and notes beside it.
import os
import sys

folder, output, depfile = sys.argv[1:4]
PARTS = ('hq.yaml', 'scripts', 'workflows', 'workspaces')
KINDS = ('.yaml', '.json', '.md')


def literal(data):
    lines, line = [], ''
    for byte in data:
        char = chr(byte)
        if char in '"\\?':
            line += '\\' + char
        elif char == '\n':
            lines.append(f'"{line}\\n"')
            line = ''
        else:
            line += char if 32 <= byte < 127 else f'\\{byte:03o}'
    return '\n    '.join(lines + [f'"{line}"'])


files, seen = [], []
for top, folders, names in os.walk(folder):
    folders[:] = sorted(name for name in folders if top != folder or name in PARTS)
    seen.append(top)  # a new file changes its folder
    for name in sorted(name for name in names if name.endswith(KINDS) and (top != folder or name in PARTS)):
        seen.append(os.path.join(top, name))
        files.append(os.path.relpath(os.path.join(top, name), folder))

with open(output, 'w', encoding='ascii') as out:
    out.write('/* Made from the example company at build time. */\n#include "cli/demo_files.h"\n\n')
    out.write('const struct demo_file demo_files[] = {\n')
    for name in files:
        with open(os.path.join(folder, name), 'rb') as file:
            data = file.read()
        out.write(f'    {{{literal(name.encode())}, {len(data)},\n    {literal(data)}}},\n')
    out.write('    {0},\n};\n')
with open(depfile, 'w', encoding='utf-8') as out:
    out.write(f'{output}: ' + ' '.join(path.replace(' ', '\\ ') for path in seen) + '\n')
