// An ordinary Node HTTP server: node server.js HOST PORT
const http = require('node:http')
const version = process.env.VERSION || 'v1'
const server = http.createServer((request, response) => response.end(version + '\n'))
server.listen(Number(process.argv[3]), process.argv[2])
process.on('SIGTERM', () => server.close(() => process.exit(0)))
