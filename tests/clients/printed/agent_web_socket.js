class AgentWebSocket {
  constructor(url) {
    this.ws = new WebSocket(url);
    this.handlers = {};
    
    this.ws.onmessage = (event) => {
      const data = JSON.parse(event.data);
      const handler = this.handlers[data.type];
      if (handler) handler(data);
    };
    
    this.ws.onerror = (error) => {
      console.error('WebSocket error:', error);
    };
  }
  
  on(eventType, handler) {
    this.handlers[eventType] = handler;
    return this; // Enable chaining
  }
  
  send(message) {
    this.ws.send(JSON.stringify({
      type: 'message',
      content: message,
    }));
  }
  
  cancel() {
    this.ws.send(JSON.stringify({ type: 'cancel' }));
  }
  
  close() {
    this.ws.close();
  }
}

// Usage
const agent = new AgentWebSocket('ws://localhost:8000/ws/agent');

agent
  .on('status', (data) => console.log('Status:', data.content))
  .on('token', (data) => process.stdout.write(data.content))
  .on('tool_call', (data) => console.log(`\nüîß Calling ${data.tool}...`))
  .on('done', (data) => console.log('\n‚úÖ Complete'))
  .on('error', (data) => console.error('‚ùå Error:', data.content));

agent.send('What is the weather in Tokyo?');
