"""flask-sse's encoder, without the Redis that it takes its events from."""

import sys
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import contract
from flask import Flask, Response, jsonify, request
from flask_sse import Message

app = Flask(__name__)


@app.route("/", methods=["GET", "POST"])
def emit():
    query = request.query_string.decode()
    try:
        script = contract.read(request.method, query, request.get_data())
    except contract.RefusedError as refused:
        return jsonify(error=ascii(str(refused))), 400
    if script is None:
        about = contract.about("flask-sse", version("flask-sse"), without="comment")
        return jsonify(contract.counts if contract.is_stats(query) else about)
    return Response(events(script), content_type="text/event-stream")


def events(script):
    for op in contract.operations_sync(script):
        if "data" in op:
            yield str(Message(op["data"], op.get("event"), op.get("id"), op.get("retry")))


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=contract.PORT, threaded=True)
