require('node:child_process').spawn('pdftotext', ['-v'])
