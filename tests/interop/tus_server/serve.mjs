// The reference server of tus, with ids that the client chooses as ours takes them. Says its port; the folder is argument 1.
import http from "node:http"
import { Server } from "@tus/server"
import { FileStore } from "@tus/file-store"

const tus = new Server({
  path: "/v1/attachments",
  datastore: new FileStore({ directory: process.argv[2] }),
  namingFunction: (request) => request.headers.get("onebar-upload"),
})
const server = http.createServer((request, response) => tus.handle(request, response))
server.listen(0, "127.0.0.1", () => console.log(server.address().port))
