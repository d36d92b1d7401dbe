"""Every error code: what it means, its HTTP status, what to do next.

This one table drives HTTP answers, metrics, exit codes and `docs/errors.md`. A code is never renamed.
"""

from __future__ import annotations

from typing import NamedTuple


class Code(NamedTuple):
    """One row: the HTTP status, a title for people, and the next thing to do."""

    status: int
    title: str
    hint: str


CODES: dict[str, Code] = {
    # What a person sent.
    "song_missing": Code(
        400, "No song was sent.", "Send the audio file as the form field `song`, or a text as `script`."
    ),
    "empty_file": Code(422, "The file is empty.", "Check the upload; the file has no bytes."),
    "not_media": Code(422, "The file is not audio that can be decoded.", "Send MP3, M4A, WAV, FLAC or OGG."),
    "unsafe_media": Code(
        422,
        "The file refers to other files or addresses.",
        "Send the audio itself, not a playlist or a manifest.",
    ),
    "no_audio_stream": Code(422, "The file has no sound.", "Send a file with an audio stream."),
    "song_too_short": Code(422, "The song is shorter than 5 seconds.", "Send at least 5 seconds of sound."),
    "song_too_long": Code(422, "The song is longer than 15 minutes.", "Cut the song to 15 minutes or less."),
    "video_too_long": Code(422, "The clip is longer than 2 minutes.", "Cut the clip to what the scene shows."),
    "file_too_large": Code(
        413, "The file is larger than allowed.", "Songs and clips may have 200 MB, pictures 30 MB, lyrics 200 KB."
    ),
    "bad_image": Code(422, "The picture can't be decoded.", "Send a JPEG, PNG or WebP picture."),
    "image_too_large": Code(
        422, "The picture has too many pixels.", "Send a picture of at most 50 megapixels, 16,384 on a side."
    ),
    "bad_lyrics": Code(422, "The lyrics can't be read.", "Send UTF-8 text: plain, .lrc or .srt, at most 200 KB."),
    "bad_script": Code(422, "The script can't be read.", "Send UTF-8 text of at most 200,000 characters."),
    "script_empty": Code(422, "The script has nothing that can be said.", "Send at least one word."),
    "script_too_long": Code(
        422,
        "The script takes longer than 15 minutes to say.",
        "Cut it to about 2,000 words, or make several videos of it.",
    ),
    "voice_unknown": Code(422, "There is no voice of this name.", "The message lists the voices that there are."),
    "voice_cannot_say": Code(
        422,
        "The voice can't say any word of the script.",
        "Choose a voice of the script's language: see docs/scripts.md.",
    ),
    "bad_options": Code(422, "The options are not valid.", "See the options of POST /api/v1/jobs at /schema."),
    "bad_callback_url": Code(
        422,
        "The callback URL is not allowed.",
        "Use http or https; a host of your own network has to be named: see docs/webhooks.md.",
    ),
    "bad_source_url": Code(
        422,
        "The address of a file is not allowed.",
        "Use http or https; a host of your own network has to be named in BEATLOOM_INGEST_FETCH_ALLOW.",
    ),
    "infected": Code(422, "The content scanner found something harmful in the file.", "Don't send this file."),
    "upload_mismatch": Code(
        422, "What arrived is not what was announced.", "Send the bytes with the size and type that were announced."
    ),
    "bad_request": Code(400, "The request can't be read.", "See the API at /schema."),
    "unknown_setting": Code(400, "A setting is not known.", "See docs/configuration.md."),
    "bad_setting": Code(400, "A setting has a value that is not valid.", "See docs/configuration.md."),
    "idempotency_conflict": Code(
        422, "This Idempotency-Key was used with another body.", "Use a new key for a new request."
    ),
    "bad_edit": Code(
        422, "The edit doesn't fit the storyboard.", "Read the storyboard again; see docs/editing.md."
    ),
    "bad_grid": Code(422, "The beat grid can't be corrected so.", "See docs/editing.md for what each one needs."),
    # Who asks, and what they may do.
    "unauthenticated": Code(
        401,
        "The request doesn't say who asks, or says it wrongly.",
        "Send `Authorization: Bearer ...`: an access token or an API key. The command line takes BEATLOOM_API_KEY.",
    ),
    "operators_only": Code(403, "This is for those who run the installation.", "Ask an operator."),
    "scope_missing": Code(
        403, "The API key may not do this.", "Use a key with the scope that the message names, or log in."
    ),
    "foreign_origin": Code(
        403,
        "A machine without logins takes requests of its own programs and pages only.",
        "Call it as http://127.0.0.1. Let pages in by BEATLOOM_INGEST_CORS_ORIGINS, or give users logins.",
    ),
    "no_operator": Code(
        503,
        "There is no operator who could log in.",
        "Set BEATLOOM_INGEST_OPERATOR_EMAIL and BEATLOOM_INGEST_OPERATOR_PASSWORD, or run"
        " `beatloom admin users create --operator`.",
    ),
    # What is asked of what exists.
    "not_found": Code(404, "There is no such thing.", "Check the address."),
    "method_not_allowed": Code(405, "The address does not take this method.", "See the API at /schema."),
    "project_not_found": Code(404, "There is no such project.", "GET /api/v1/projects lists the projects."),
    "character_not_found": Code(
        404, "There is no such character.", "GET .../characters lists the project's characters."
    ),
    "too_many_characters": Code(409, "The project has 20 characters.", "Delete one that is not needed."),
    "song_differs": Code(
        422,
        "The new song is not as long as the old one.",
        "Leave `sameGrid` out: then order a new storyboard.",
    ),
    "project_busy": Code(409, "A job over this project is running.", "Wait for it, or cancel it."),
    "version_conflict": Code(
        412, "Somebody has changed it meanwhile.", "Read it again, and send its new version as If-Match."
    ),
    "version_required": Code(
        428, "The request doesn't say which version it is based on.", 'Send If-Match: "N", as the ETag says it.'
    ),
    "export_unsupported": Code(
        422, "The video can't be exported so.", "docs/projects.md says what can be exported today."
    ),
    "no_song": Code(409, "The project has no song yet.", "Give it one: PATCH the project with `song`."),
    "no_storyboard": Code(
        409, "The project has no storyboard yet.", "Order one first: POST /api/v1/projects/{id}/storyboard."
    ),
    "job_not_found": Code(404, "There is no such job.", "Check the id; GET /api/v1/jobs lists the jobs."),
    "scene_not_found": Code(404, "There is no such scene.", "GET .../scenes lists the project's scenes."),
    "take_not_found": Code(404, "The scene has no such take.", "GET .../scenes/{id}/takes lists its takes."),
    "too_many_takes": Code(409, "The scene has 200 takes.", "Choose one of them, or split the scene."),
    "scene_locked": Code(409, "The scene is locked.", "Unlock it first: PATCH it with `locked` false."),
    "upload_not_found": Code(404, "There is no such upload, or no more.", "Uploads expire; send the file again."),
    "upload_not_ready": Code(409, "The upload is not complete.", "PUT its bytes, then POST to /complete."),
    "bad_signature": Code(403, "The address is not signed for this.", "Ask for a new address; use it unchanged."),
    "link_expired": Code(403, "The signed address has expired.", "Ask for a new one."),
    "dead_letter_not_found": Code(404, "There is no such dead letter.", "`beatloom dead list` lists them."),
    "endpoint_not_found": Code(
        404, "There is no such webhook endpoint.", "Check the id; GET /api/v1/webhook-endpoints lists them."
    ),
    "endpoint_inactive": Code(
        409, "The webhook endpoint is switched off or deleted.", "Switch it on, then send the delivery again."
    ),
    "too_many_endpoints": Code(409, "There are too many webhook endpoints.", "Delete one that is not needed."),
    "delivery_not_found": Code(
        404, "There is no such delivery.", "Check the id; GET /api/v1/deliveries lists them."
    ),
    "no_secret_key": Code(
        503, "The server has no key to seal secrets with.", "Set BEATLOOM_SECRET_KEY, the same for every service."
    ),
    "narrated": Code(
        409,
        "A narrated video's cuts and beats follow its voice.",
        "Change the script instead: order it anew; what is the same is not made again.",
    ),
    "gone": Code(
        410,
        "The file was removed.",
        "A video: run its job again, POST /api/v1/jobs/{id}/retry. What was sent: send it again; docs/keeping.md.",
    ),
    "quota_exceeded": Code(
        413,
        "Your files take as much space as they may.",
        "Delete projects that are not needed; GET /api/v1/me/usage says what takes how much.",
    ),
    "not_ready": Code(409, "The video is not ready.", "Follow /stream, or ask again when status is completed."),
    "job_ended": Code(409, "The job has ended already.", "Nothing is left to cancel."),
    "job_running": Code(409, "The job is still running.", "Cancel it first, or wait for its end."),
    "job_outdated": Code(
        409, "The project has changed too much since this job was ordered.", "Order it anew, as the project is now."
    ),
    "conflict": Code(409, "Somebody else changed this at the same time.", "Read it again and repeat."),
    "no_video_stream": Code(422, "The file holds no moving picture.", "Give a video."),
    # Who asks: accounts, logins, keys.
    "bad_token": Code(401, "The token or API key is not valid, or no longer.", "Log in again, or make a new key."),
    "token_expired": Code(
        401, "The token or API key has expired.", "POST /api/v1/auth/refresh gives a new token; make a new key."
    ),
    "bad_login": Code(401, "The e-mail address or the password is wrong.", "Try again, or have it reset."),
    "too_many_logins": Code(429, "There were too many tries.", "Wait for as long as Retry-After says."),
    "logins_busy": Code(503, "Too many passwords are being checked.", "Try again in a few seconds."),
    "registration_closed": Code(403, "Nobody can register here.", "Ask an operator for an account."),
    "bad_email": Code(422, "The e-mail address is not valid.", "Send one in ASCII, as in `ada@example.com`."),
    "weak_password": Code(422, "The password is too weak.", "Choose a longer one; a few random words do."),
    "email_taken": Code(409, "There is a user with this e-mail address.", "Look for it in the list of users."),
    "bad_reset_token": Code(
        403, "The reset token is not valid, or no longer.", "It is good once, for 30 minutes: ask for a new one."
    ),
    "user_disabled": Code(403, "The account is switched off.", "Ask an operator."),
    "mail_failed": Code(502, "The mail server did not take a mail.", "It is tried again; check the mail server."),
    "no_mail": Code(503, "The server can't send mail.", "Ask an operator; they set BEATLOOM_INGEST_SMTP_URL."),
    "no_account": Code(409, "There are no accounts without a login.", "docs/accounts.md says how to have logins."),
    "api_key_not_found": Code(404, "There is no such API key.", "GET /api/v1/me/api-keys lists the keys."),
    "too_many_api_keys": Code(409, "You have 50 API keys.", "Revoke one that is not needed."),
    "user_not_found": Code(404, "There is no such user.", "An operator's list of users has the ids."),
    "last_operator": Code(409, "It is the last operator.", "Make another user an operator first."),
    # How much, and how often.
    "rate_limited": Code(
        429, "That was done too often.", "Wait for as long as Retry-After says; see docs/limits.md."
    ),
    # What a GPU server is asked to run.
    "workflow_unknown": Code(422, "There is no such workflow.", "`beatloom workflows list` shows them."),
    "workflow_invalid": Code(
        422, "The workflow can't be used.", "See comfyui-workflows/README.md for what a graph needs."
    ),
    "workflow_value": Code(422, "A value doesn't fit the workflow.", "`beatloom workflows list` shows its limits."),
    "workflow_missing_model": Code(
        503, "No server has a model file of the workflow.", "Put the file there; see `beatloom workflows check`."
    ),
    "workflow_unsupported": Code(
        503, "No server can run the workflow.", "See `beatloom workflows check`; a newer ComfyUI may help."
    ),
    "clip_too_long": Code(
        422,
        "The workflow can't make a clip that long.",
        "Choose one that begins with a picture, or shorter scenes.",
    ),
    # What happened during the work.
    "input_missing": Code(500, "An input of the work is gone.", "It is made again; no action is needed."),
    "voice_unavailable": Code(
        503, "No voice can be had now.", "Look at the generator's log; it is tried again by itself."
    ),
    "voice_failed": Code(500, "The voice made no sound of a sentence.", "The message says which; retry the job."),
    "music_unavailable": Code(
        503,
        "No music can be made now.",
        "Name ComfyUI servers in BEATLOOM_GENERATOR_COMFYUI_URLS, or send a song as the music.",
    ),
    "music_failed": Code(
        500, "GPU servers made no music of the prompt.", "Retry the job, say it in other words, or send a song."
    ),
    "media_tool_failed": Code(500, "ffmpeg failed.", "The details are in the job's error."),
    "timeout": Code(504, "The work took longer than its limit.", "Retry the job; raise the limit if it repeats."),
    "worker_lost": Code(500, "The worker died again and again on this work.", "Look at its log, then replay."),
    "no_space": Code(507, "There is no space left on the disk.", "Free some space, then retry the job."),
    "store_unavailable": Code(503, "The artifact store does not answer.", "Check the store; work is tried again."),
    "bus_unavailable": Code(503, "The message bus does not answer.", "Check nats-server; work is tried again."),
    "ledger_unavailable": Code(503, "The database does not answer.", "Check the database; try again."),
    "output_check_failed": Code(500, "The finished file failed its checks.", "See the report; please report it."),
    "budget_exceeded": Code(
        402, "It would cost more than it may.", "Raise its cap, or order less; see docs/budgets.md."
    ),
    "no_cap": Code(409, "There is no cap to raise.", "Nothing holds the spending back; look at the job's state."),
    "approval_by_operator": Code(
        403, "Only an operator may approve more this month.", "Ask one, or wait for the next month."
    ),
    "delivery_failed": Code(502, "The webhook was not taken.", "Check the receiver, then replay the dead letter."),
    "delivery_refused": Code(502, "The receiver refused the webhook.", "Check the callback URL."),
    "receiver_busy": Code(
        503, "Too many webhooks wait for this receiver.", "It is tried again; a faster receiver gets them sooner."
    ),
    "fetch_failed": Code(424, "A file could not be fetched.", "Check that its address answers; try again."),
    "fetch_refused": Code(
        422, "The host of a file does not give it out.", "Give an address that answers with the file itself."
    ),
    "scanner_unavailable": Code(
        503, "The content scanner does not answer.", "Check the scanner; files are taken once it answers."
    ),
    "job_cancelled": Code(409, "The job was cancelled.", "Retry the job to go on."),
    "malformed_message": Code(500, "A message could not be read.", "Look at the dead letter."),
    "superseded": Code(409, "A newer run took over.", "Follow the newer run."),
    "unexpected": Code(500, "Something unexpected went wrong.", "It is tried again; the log has the details."),
    # What happened on GPU servers.
    "no_gpu_server": Code(
        503, "No ComfyUI server answers.", "Check BEATLOOM_GENERATOR_COMFYUI_URLS and the servers; work waits."
    ),
    "gpu_unreachable": Code(502, "The ComfyUI server stopped answering.", "It is tried on another one."),
    "gpu_lost": Code(502, "The ComfyUI server has lost the prompt.", "It is sent again."),
    "gpu_stalled": Code(504, "The prompt got no further.", "It is tried on another server; look at this one."),
    "gpu_interrupted": Code(500, "Somebody stopped the prompt.", "It is sent again."),
    "gpu_out_of_memory": Code(
        500, "The GPU has too little memory.", "A smaller profile is tried, then a larger server."
    ),
    "gpu_failed": Code(500, "A node of the workflow failed.", "The take's history names the node and its error."),
    "too_few_scenes": Code(
        502,
        "Too few scenes could be made on GPU servers.",
        "Check the servers with `beatloom workflows check`, then retry: what was made is used again.",
    ),
    "gpu_bad_output": Code(500, "What the server made is of no use.", "It is tried again with another seed."),
    # What those who run the installation do.
    "intake_paused": Code(
        503, "No new orders are taken for now.", "Send it again after Retry-After; what is under way goes on."
    ),
    "server_not_drained": Code(404, "This GPU server is not drained.", "GET /api/v1/admin/pool lists the servers."),
    # What users take away, and what they delete.
    "data_export_not_found": Code(404, "There is no such data export.", "GET /api/v1/me/exports lists yours."),
    "data_export_not_ready": Code(409, "The data export is not ready.", "Look at it again in a while."),
    "data_export_expired": Code(410, "The data export has expired.", "Ask for a new one: POST /api/v1/me/export."),
    "too_many_data_exports": Code(409, "You have 5 data exports.", "Delete one that is not needed."),
    "deletion_not_found": Code(404, "There is no such deletion.", "Its address was told when it was asked for."),
    "deletion_not_confirmed": Code(
        409,
        "What would be deleted is not what was confirmed.",
        "Look at GET /api/v1/me/deletion again, and send its `confirm`.",
    ),
    # What is missing on the machine.
    "tool_missing": Code(500, "A tool is missing on this machine.", "Run `beatloom doctor`."),
    "data_dir_in_use": Code(409, "Another process uses this data directory.", "Stop it, or choose another one."),
    "port_in_use": Code(409, "The port is taken.", "Choose another with --port."),
    "stack_not_running": Code(503, "No stack answers at this address.", "Start one with `beatloom up`."),
}
