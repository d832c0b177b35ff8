function connectAgent(): WebSocket {
  const ws = new WebSocket('ws://localhost:8000/ws');

  ws.onmessage = (event) => {
    const data = JSON.parse(event.data);

    switch (data.t) {
      case 'text':
        process.stdout.write(data.c);
        break;
      case 'tool_exec':
        console.log(`\n[Running ${data.name}...]`);
        break;
      case 'done':
        console.log('\n[Complete]');
        break;
    }
  };

  return ws;
}

// Usage
const ws = connectAgent();
ws.send(JSON.stringify({ prompt: 'Hello!' }));
