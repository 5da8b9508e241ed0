require('node:child_process').execFileSync('convert', ['-version'])
