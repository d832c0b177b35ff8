import { useState, useCallback } from 'react';

interface Message {
  role: 'user' | 'assistant';
  content: string;
}

export function useAgent(baseUrl: string = 'http://localhost:8000') {
  const [messages, setMessages] = useState<Message[]>([]);
  const [isStreaming, setIsStreaming] = useState(false);
  const [sessionId, setSessionId] = useState<string | null>(null);

  const sendMessage = useCallback(async (prompt: string) => {
    setMessages(prev => [...prev, { role: 'user', content: prompt }]);
    setIsStreaming(true);

    // Start session
    const response = await fetch(`${baseUrl}/ask`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ prompt, session_id: sessionId }),
    });
    const { session_id, stream_url } = await response.json();
    setSessionId(session_id);

    // Stream response
    let assistantContent = '';
    setMessages(prev => [...prev, { role: 'assistant', content: '' }]);

    const eventSource = new EventSource(`${baseUrl}${stream_url}`);

    eventSource.addEventListener('text', (event) => {
      const { content } = JSON.parse(event.data);
      assistantContent += content;
      setMessages(prev => [
        ...prev.slice(0, -1),
        { role: 'assistant', content: assistantContent },
      ]);
    });

    eventSource.addEventListener('complete', () => {
      eventSource.close();
      setIsStreaming(false);
    });

    eventSource.addEventListener('error', () => {
      eventSource.close();
      setIsStreaming(false);
    });
  }, [baseUrl, sessionId]);

  return { messages, sendMessage, isStreaming };
}
