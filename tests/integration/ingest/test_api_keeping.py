"""What clients are told of space, and of files that were removed."""

from pathlib import Path

from services.ingest.keeping.quota import Quota
from tests.integration.ingest.conftest import serving
from tests.integration.ingest.flow import SONG
from tests.integration.ingest.server import picture
from tests.integration.ingest.test_api_jobs import problem
from tests.integration.ingest.test_api_uploads import order, upload
from tests.servers.nats import MakeNats

PICTURE = picture()
QUOTA = Quota(len(SONG) + len(PICTURE))


async def test_all_ways_in_end_at_the_quota(tmp_path: Path, nats_server: MakeNats) -> None:
    async with serving(tmp_path, nats_server, quota=QUOTA) as api:
        coming = {"kind": "audio", "content_type": "audio/wav", "size": len(SONG)}
        assert (await api.http.post("/api/v1/uploads/presign", json=coming)).status_code == 201
        refused = await api.http.post("/api/v1/uploads", files={"audio": ("a", SONG), "image": ("b", PICTURE)})
        assert problem(refused) == (413, "quota_exceeded")
        assert "0.00 GB" in refused.json()["detail"]
        assert problem(await api.http.post("/api/v1/uploads/presign", json=coming)) == (413, "quota_exceeded")
        (image,) = await upload(api, image=PICTURE)
        used = (await api.http.get("/api/v1/me/usage")).json()
        assert used == {
            "bytes": QUOTA.most,
            "quota_bytes": QUOTA.most,
            "kinds": [{"kind": "uploads", "files": 2, "bytes": QUOTA.most}],
        }
        await api.http.delete(f"/api/v1/uploads/{image['upload_id']}")
        assert (await api.http.get("/api/v1/me/usage")).json()["bytes"] == len(SONG)


async def test_an_order_makes_sources_of_uploads(tmp_path: Path, nats_server: MakeNats) -> None:
    async with serving(tmp_path, nats_server) as api:
        audio, image = await upload(api, audio=SONG, image=PICTURE)
        said = await order(api, audio_upload_id=audio["upload_id"], image_upload_id=image["upload_id"])
        assert said.status_code == 202
        used = (await api.http.get("/api/v1/me/usage")).json()
        assert used["kinds"] == [{"kind": "sources", "files": 2, "bytes": len(SONG) + len(PICTURE)}]
        assert used["quota_bytes"] is None
