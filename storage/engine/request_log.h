// Request ids (ADR 15): a call that comes again under its id gets the answer it
// got the first time, also after a restart. The answer goes into the batch of
// the change it speaks of, so neither is ever there without the other. Knows no
// rpc: a method is a name here, a request and an answer are messages.
#ifndef NEVUS_STORAGE_ENGINE_REQUEST_LOG_H_
#define NEVUS_STORAGE_ENGINE_REQUEST_LOG_H_

#include <google/protobuf/message_lite.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "base/status.h"
#include "storage/engine/key_value_store.h"

namespace nevus {

// The longest request_id, and how many of the newest a store remembers.
constexpr size_t kMaxRequestIdBytes = 64;
constexpr size_t kKeptRequestIds = 10'000;

// A call: under which id, to which rpc, and with what.
struct RepeatableRequest {
  // "": this call never repeats one, and none repeats it.
  std::string id;
  // Such as "RollbackAlias".
  std::string method;
  // SHA-256 of the request without its id.
  std::string digest;
};

// SHA-256 of the deterministic bytes of `message`.
std::string MessageDigest(const google::protobuf::MessageLite& message);

// `message` is a request with a request_id, come to `method`.
template <typename Message>
RepeatableRequest RequestOf(std::string method, Message message) {
  RepeatableRequest request;
  request.id = message.request_id();
  request.method = std::move(method);
  if (request.id.empty()) return request;  // Nothing will be compared.
  message.clear_request_id();
  request.digest = MessageDigest(message);
  return request;
}

class RequestLog;

// Where the answer to one call will stand. What changes a store writes through
// it. Lives no longer than the call.
class RequestEntry {
 public:
  // Of a call without an id: nothing is remembered.
  RequestEntry() = default;

  // Applies `batch` to `store`, together with what remembers `answer`. An empty
  // batch is a call that changed nothing: its answer is remembered all the
  // same. REQUIRES: `store` is the log's, and this is called once.
  absl::Status Apply(KeyValueStore& store, std::vector<Mutation> batch,
                     const google::protobuf::MessageLite& answer) const;

 private:
  friend class RequestLog;
  RequestEntry(RequestLog& log, const RepeatableRequest& request)
      : log_(&log), request_(&request) {}

  RequestLog* log_ = nullptr;
  const RepeatableRequest* request_ = nullptr;
};

// One for each KeyValueStore: stores that share an engine share their ids.
// Thread-safe. Holds no lock over disk writes.
class RequestLog {
 public:
  // `store` must outlive this. Remembers the newest `kept` ids. Errors:
  // DATA_LOSS.
  static absl::StatusOr<std::unique_ptr<RequestLog>> Open(
      const KeyValueStore& store, size_t kept = kKeptRequestIds);

  // The one call that runs under `id`: others wait in the constructor until it
  // is gone. For calls that remember their answer elsewhere; Once takes its
  // own. Under "" any number runs.
  class Turn {
   public:
    // Both must outlive this.
    Turn(RequestLog& log, const std::string& id);
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    RequestLog& log_;
    const std::string& id_;
  };

  // The answer to `request`, if it was answered before. Errors:
  // INVALID_ARGUMENT: the id is too long (REQUEST_ID_TOO_LONG); ALREADY_EXISTS:
  // it was used for another method or request (REQUEST_ID_REUSED); DATA_LOSS.
  template <typename Answer>
  absl::StatusOr<std::optional<Answer>> Find(
      const RepeatableRequest& request) const {
    ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                     FindBytes(request));
    if (!bytes.has_value()) return std::optional<Answer>();
    Answer answer;
    if (!answer.ParseFromString(*bytes)) return DamagedAnswer(request);
    return std::optional<Answer>(std::move(answer));
  }

  // The answer to `request`: what `change(const RequestEntry&)` returns, which
  // is not called if there is an answer already. While it runs, calls with the
  // same id wait for it. An error of `change` is no answer: the next call tries
  // again. REQUIRES: if `change` succeeds, it has called Apply with the answer.
  // Errors: those of Find and of `change`.
  template <typename Answer, typename Change>
  absl::StatusOr<Answer> Once(const RepeatableRequest& request,
                              const Change& change) {
    if (request.id.empty()) return change(RequestEntry());
    const Turn turn(*this, request.id);
    ASSIGN_OR_RETURN(std::optional<Answer> before, Find<Answer>(request));
    if (before.has_value()) return *std::move(before);
    return change(RequestEntry(*this, request));
  }

 private:
  friend class RequestEntry;

  RequestLog(const KeyValueStore& store, size_t kept)
      : store_(store), kept_(kept) {}
  absl::Status Load();
  absl::StatusOr<std::optional<std::string>> FindBytes(
      const RepeatableRequest& request) const;
  static absl::Status DamagedAnswer(const RepeatableRequest& request);
  absl::Status Write(KeyValueStore& store, const RepeatableRequest& request,
                     std::vector<Mutation> batch,
                     const google::protobuf::MessageLite& answer);

  const KeyValueStore& store_;
  const size_t kept_;
  Mutex mutex_;
  CondVar turn_ended_;
  // Ids whose call runs.
  std::set<std::string> running_ ABSL_GUARDED_BY(mutex_);
  // Stored ids by sequence, without those that a write is about to forget.
  std::map<int64_t, std::string> stored_ ABSL_GUARDED_BY(mutex_);
  // The largest sequence given, and how many writes are on their way.
  int64_t newest_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t writing_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace nevus

#endif  // NEVUS_STORAGE_ENGINE_REQUEST_LOG_H_
