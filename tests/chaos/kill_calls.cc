#include "tests/chaos/kill_calls.h"

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/rpc/channel.h"
#include "base/status.h"
#include "clients/cpp/wait.h"

namespace nevus::chaos {
namespace {

// Of a stream of a batch, which takes milliseconds.
constexpr absl::Duration kImportTimeout = absl::Seconds(20);
// Short, so that a watcher also comes back when nothing was killed.
constexpr absl::Duration kWatchTimeout = absl::Seconds(2);

// What a watcher has seen of one job.
struct Watch {
  int64_t last_event = 0;
  v1::Job newest;

  absl::Status Take(const v1::WatchJobResponse& response) {
    if (response.has_job()) newest = response.job();
    if (!response.has_event()) return absl::OkStatus();
    if (response.event().number() != last_event + 1) {
      return absl::InternalError(absl::StrCat("a watcher that had seen event ",
                                              last_event, " was sent event ",
                                              response.event().number()));
    }
    ++last_event;
    return absl::OkStatus();
  }
};

}  // namespace

bool IsTransient(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
}

absl::Status ImportOnce(
    Client& client, const std::string& dataset,
    const std::vector<const NewImage*>& images,
    const std::function<void(const v1::ImportOutcome&)>& heard) {
  using Stub = v1::DatasetService::Stub;
  ASSIGN_OR_RETURN(Stub * stub, client.Connected<Stub>());
  grpc::ClientContext context;
  SetTimeout(context, kImportTimeout);
  const auto stream = stub->ImportExamples(&context);
  v1::ImportExamplesRequest header;
  header.mutable_header()->set_dataset(dataset);
  bool open = stream->Write(header);
  for (const NewImage* image : images) {
    v1::ImportExamplesRequest request;
    v1::ExampleUpload& upload = *request.mutable_example();
    *upload.mutable_example() = image->example;
    upload.set_image_bytes(static_cast<int64_t>(image->bytes.size()));
    upload.set_sha256(Sha256Hex(image->bytes));
    v1::ImportExamplesRequest chunk;
    chunk.set_chunk(image->bytes);
    open = open && stream->Write(request) && stream->Write(chunk);
  }
  stream->WritesDone();
  // Read after all was sent: the answers to so little fit into the buffers.
  v1::ImportExamplesResponse response;
  size_t answered = 0;
  while (stream->Read(&response)) {
    for (const v1::ImportOutcome& outcome : response.outcomes()) {
      heard(outcome);
      ++answered;
    }
  }
  RETURN_IF_ERROR(client.EndOfStream<Stub>(stream->Finish()));
  if (answered == images.size()) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("an import ended well with ",
                                          answered, " answers for ",
                                          images.size(), " examples"));
}

absl::StatusOr<v1::Job> WatchToTheEnd(Client& client, const Patience& patience,
                                      const std::string& id) {
  using Stub = v1::JobService::Stub;
  Watch watch;
  while (true) {
    const absl::StatusOr<Stub*> stub = client.Connected<Stub>();
    if (stub.ok()) {
      v1::WatchJobRequest request;
      request.set_id(id);
      request.set_after_event(watch.last_event);
      grpc::ClientContext context;
      SetTimeout(context, kWatchTimeout);
      const auto stream = (*stub)->WatchJob(&context, request);
      absl::Status taken;
      v1::WatchJobResponse response;
      while (taken.ok() && stream->Read(&response)) {
        taken = watch.Take(response);
      }
      if (!taken.ok()) context.TryCancel();
      const absl::Status ended = client.EndOfStream<Stub>(stream->Finish());
      RETURN_IF_ERROR(taken);
      if (ended.ok() && HasEnded(watch.newest.state())) {
        if (watch.newest.last_event() == watch.last_event) return watch.newest;
        return absl::InternalError(absl::StrCat(
            "the job ", id, " has ended with event ", watch.newest.last_event(),
            ", and its watcher has seen ", watch.last_event));
      }
      if (!ended.ok() && !IsTransient(ended)) return ended;
    } else if (!IsTransient(stub.status())) {
      return stub.status();
    }
    if (!patience.Pause()) {
      return absl::DeadlineExceededError(
          absl::StrCat("the job ", id, " did not end"));
    }
  }
}

}  // namespace nevus::chaos
