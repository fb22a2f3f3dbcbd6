"""What is around an appliance in a test: an HTTPS server behind an HTTP proxy. Runs with the system's Python inside it.

Usage: site_around.py PAIR HTTPS-PORT PROXY-PORT. Whatever host the proxy is asked for, it leads to the server; that one
answers everything with a list of one model, and with the path in it.
"""

import http.server
import json
import socket
import socketserver
import ssl
import sys
import threading
from contextlib import suppress


class Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"object": "list", "data": [{"id": "llama"}], "path": self.path}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Proxy(socketserver.StreamRequestHandler):
    port = 0

    def handle(self) -> None:
        while self.rfile.readline() not in (b"\r\n", b""):
            pass
        with socket.create_connection(("127.0.0.1", self.port)) as far:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            inward = threading.Thread(target=copy, args=(far, self.connection))
            inward.start()
            copy(self.connection, far)
            inward.join()


def copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def main(pair: str, port: int, proxy_port: int) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Server)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Proxy.port = port
    proxy = socketserver.ThreadingTCPServer(("127.0.0.1", proxy_port), Proxy)
    print("ready", flush=True)
    proxy.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
