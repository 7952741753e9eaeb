"""Something to look at: clients, services and their troubles in the network namespace that this runs in, for --seconds."""

import argparse
import math
import random
import socket
import threading
import time


def forever(step):
    threading.Thread(target=lambda: [step() for _ in iter(int, 1)], daemon=True).start()


def listener(family, address, port, backlog=128):
    service = socket.socket(family, socket.SOCK_STREAM)
    service.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    service.bind((address, port))
    service.listen(backlog)
    return service


def answering(service):
    """Answers every line until the client closes."""
    def serve(connection):
        with connection:
            try:
                while asked := connection.recv(65536):
                    connection.sendall(asked)
            except OSError:
                pass

    def step():
        threading.Thread(target=serve, args=(service.accept()[0],), daemon=True).start()
    forever(step)


def wave(period, low, high):
    return low + (high - low) * (1 + math.sin(time.time() * 2 * math.pi / period)) / 2


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, required=True)
    end = time.monotonic() + parser.parse_args().seconds
    web, api = listener(socket.AF_INET, "127.0.0.1", 8080), listener(socket.AF_INET6, "::", 8443)
    slow = listener(socket.AF_INET, "127.0.0.1", 9000, backlog=4)
    leaking = listener(socket.AF_INET, "127.0.0.1", 5000)
    answering(web)
    answering(api)
    held, left, leaks, waiting = [], [], [], []

    def visits():
        """Short connections, and some that are kept for a while."""
        time.sleep(1 / wave(240, 8, 40))
        family, address = random.choice([(socket.AF_INET, ("127.0.0.1", 8080)), (socket.AF_INET6, ("::1", 8443))])
        try:
            client = socket.create_connection(address, timeout=5)
            client.sendall(b"x" * random.randint(100, 20000))
            client.recv(100)
        except OSError:
            return
        if random.random() < 0.1:
            held.append(client)
        else:
            client.close()
        if len(held) > wave(300, 30, 70):
            held.pop(0).close()

    def leak():
        """A service that does not close what its clients have closed."""
        time.sleep(8)
        client = socket.create_connection(("127.0.0.1", 5000))
        left.append(leaking.accept()[0])
        client.close()

    def refused():
        time.sleep(1 / wave(180, 0.3, 6))
        try:
            socket.create_connection(("127.0.0.1", 1), timeout=1)
        except OSError:
            pass

    def crowd():
        """More clients at once than a small backlog holds."""
        time.sleep(random.uniform(30, 60))
        for _ in range(12):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", 9000))
            waiting.append(client)
        time.sleep(12)
        slow.settimeout(0.2)
        try:
            while True:
                leaks.append(slow.accept()[0])
        except OSError:
            pass
        for each in waiting + leaks:
            each.close()
        waiting.clear()
        leaks.clear()

    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    receiver.bind(("127.0.0.1", 5353))
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def datagrams():
        time.sleep(0.2)
        for _ in range(int(wave(200, 2, 25))):
            sender.sendto(b"x" * 300, ("127.0.0.1", 5353))

    def read():
        receiver.recv(2000)
        time.sleep(0.012)

    for step in (visits, leak, refused, crowd, datagrams, read):
        forever(step)
    time.sleep(max(0, end - time.monotonic()))


if __name__ == "__main__":
    main()
