# Writes companies to start from into a C source (setup/template.h): embed.py OUTPUT.c DEPFILE FOLDER…
# Only what belongs to an example: a company that ran there has left state, secrets and notes beside it.
import os
import sys

output, depfile, *folders = sys.argv[1:]
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


def files_of(folder):
    for top, below, names in os.walk(folder):
        below[:] = sorted(name for name in below if top != folder or name in PARTS)
        seen.append(top)  # a new file changes its folder
        for name in sorted(name for name in names if name.endswith(KINDS) and (top != folder or name in PARTS)):
            seen.append(os.path.join(top, name))
            yield os.path.relpath(os.path.join(top, name), folder)


seen = []
with open(output, 'w', encoding='ascii') as out:
    out.write('/* Made from examples/ at build time. */\n#include <stddef.h>\n\n#include "setup/template.h"\n\n')
    for number, folder in enumerate(folders):
        out.write(f'static const struct template_file files_{number}[] = {{\n')
        for name in files_of(folder):
            with open(os.path.join(folder, name), 'rb') as file:
                data = file.read()
            out.write(f'    {{{literal(name.encode())}, {len(data)},\n    {literal(data)}}},\n')
        out.write('    {0},\n};\n\n')
    out.write('const struct template templates[] = {\n')
    for number, folder in enumerate(folders):
        out.write(f'    {{"{os.path.basename(folder)}", files_{number}}},\n')
    out.write('    {0},\n};\n')
with open(depfile, 'w', encoding='utf-8') as out:
    out.write(f'{output}: ' + ' '.join(path.replace(' ', '\\ ') for path in seen) + '\n')
