import httpx
import json

async def stream_response(prompt: str) -> None:
    async with httpx.AsyncClient() as client:
        # Start session
        response = await client.post(
            "http://localhost:8000/ask",
            json={"prompt": prompt},
        )
        data = response.json()

        # Stream events
        async with client.stream(
            "GET",
            f"http://localhost:8000{data['stream_url']}",
        ) as stream:
            async for line in stream.aiter_lines():
                if line.startswith("data: "):
                    event_data = json.loads(line[6:])
                    if "content" in event_data:
                        print(event_data["content"], end="", flush=True)
