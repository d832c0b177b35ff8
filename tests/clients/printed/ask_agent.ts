async function askAgent(prompt: string): Promise<void> {
  // 1. Start session
  const response = await fetch('http://localhost:8000/ask', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ prompt }),
  });
  const { session_id, stream_url } = await response.json();

  // 2. Connect to SSE stream
  const eventSource = new EventSource(`http://localhost:8000${stream_url}`);

  eventSource.addEventListener('text', (event) => {
    const { content } = JSON.parse(event.data);
    process.stdout.write(content); // Stream tokens
  });

  eventSource.addEventListener('tool_exec', (event) => {
    const { name, args } = JSON.parse(event.data);
    console.log(`\n[Running ${name}...]`);
  });

  eventSource.addEventListener('complete', () => {
    eventSource.close();
    console.log('\n[Done]');
  });

  eventSource.addEventListener('error', (event) => {
    console.error('Stream error:', event);
    eventSource.close();
  });
}
