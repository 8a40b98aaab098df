#include "storage/engine/request_log.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/name.h"
#include "protos/nevus/v1/request.pb.h"
#include "storage/engine/record.h"

namespace nevus {
namespace {

// v1::AnsweredRequest.
std::string RequestKey(const std::string& id) { return Key({"request", id}); }
// Empty: the ids in the order of their answers.
std::string OrderKey(int64_t sequence, const std::string& id) {
  return Key({"request_order", KeyNumber(sequence), id});
}

// The same message, the same bytes: map entries in order of key.
std::string DeterministicBytes(const google::protobuf::MessageLite& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializePartialToCodedStream(&coded);
  }
  return bytes;
}

}  // namespace

std::string MessageDigest(const google::protobuf::MessageLite& message) {
  return Sha256Hex(DeterministicBytes(message));
}

absl::Status RequestEntry::Apply(
    KeyValueStore& store, std::vector<Mutation> batch,
    const google::protobuf::MessageLite& answer) const {
  if (log_ != nullptr) {
    return log_->Write(store, *request_, std::move(batch), answer);
  }
  if (batch.empty()) return absl::OkStatus();
  return store.Apply(std::move(batch));
}

RequestLog::Turn::Turn(RequestLog& log, const std::string& id)
    : log_(log), id_(id) {
  if (id_.empty()) return;
  MutexLock lock(log_.mutex_);
  while (!log_.running_.insert(id_).second) log_.turn_ended_.Wait(log_.mutex_);
}

RequestLog::Turn::~Turn() {
  if (id_.empty()) return;
  MutexLock lock(log_.mutex_);
  log_.running_.erase(id_);
  log_.turn_ended_.NotifyAll();
}

absl::StatusOr<std::unique_ptr<RequestLog>> RequestLog::Open(
    const KeyValueStore& store, size_t kept) {
  std::unique_ptr<RequestLog> log(new RequestLog(store, kept));
  RETURN_IF_ERROR(log->Load());
  return log;
}

absl::Status RequestLog::Load() {
  std::map<int64_t, std::string> found;
  absl::Status damage;
  RETURN_IF_ERROR(
      store_.Scan(Key({"request_order", ""}), "",
                  [&](std::string_view key, std::string_view) {
                    const std::string number =
                        KeyTail(key, 1).substr(0, KeyNumber(0).size());
                    const std::string id = KeyTail(key, 2);
                    int64_t sequence = 0;
                    if (!absl::SimpleAtoi(number, &sequence) ||
                        OrderKey(sequence, id) != key) {
                      damage = DamagedValue(key, "is under a bad key");
                      return false;
                    }
                    found.emplace(sequence, id);
                    return true;
                  }));
  RETURN_IF_ERROR(damage);
  MutexLock lock(mutex_);
  if (!found.empty()) newest_ = found.rbegin()->first;
  stored_ = std::move(found);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::string>> RequestLog::FindBytes(
    const RepeatableRequest& request) const {
  if (request.id.empty()) return std::optional<std::string>();
  if (request.id.size() > kMaxRequestIdBytes) {
    return WithReason(
        absl::InvalidArgumentError(absl::StrCat(
            "request_id has ", request.id.size(), " bytes; the most is ",
            kMaxRequestIdBytes, ". Choose a shorter one, such as a UUID")),
        "REQUEST_ID_TOO_LONG");
  }
  absl::StatusOr<v1::AnsweredRequest> record =
      GetRecord<v1::AnsweredRequest>(store_, RequestKey(request.id));
  if (absl::IsNotFound(record.status())) return std::optional<std::string>();
  RETURN_IF_ERROR(record.status());
  if (record->method() != request.method ||
      record->digest() != request.digest) {
    return WithReason(
        absl::AlreadyExistsError(absl::StrCat(
            "request_id ", Quoted(request.id), " was used for ",
            record->method(),
            record->method() == request.method
                ? " with another request"
                : absl::StrCat(", not for ", request.method),
            "; choose a new id: an old one only asks for its answer again")),
        "REQUEST_ID_REUSED",
        {{"request_id", request.id}, {"method", record->method()}});
  }
  return std::optional<std::string>(std::move(*record->mutable_answer()));
}

absl::Status RequestLog::DamagedAnswer(const RepeatableRequest& request) {
  return DamagedValue(RequestKey(request.id),
                      absl::StrCat("holds no answer of ", request.method));
}

absl::Status RequestLog::Write(KeyValueStore& store,
                               const RepeatableRequest& request,
                               std::vector<Mutation> batch,
                               const google::protobuf::MessageLite& answer) {
  v1::AnsweredRequest record;
  record.set_method(request.method);
  record.set_digest(request.digest);
  record.set_answer(DeterministicBytes(answer));
  std::map<int64_t, std::string> forgotten;
  {
    MutexLock lock(mutex_);
    record.set_sequence(++newest_);
    ++writing_;
    while (!stored_.empty() && stored_.size() + writing_ > kept_) {
      forgotten.insert(stored_.extract(stored_.begin()));
    }
  }
  for (const auto& [sequence, id] : forgotten) {
    batch.push_back(DeleteKey(OrderKey(sequence, id)));
    batch.push_back(DeleteKey(RequestKey(id)));
  }
  batch.push_back(PutRecord(RequestKey(request.id), record));
  batch.push_back({OrderKey(record.sequence(), request.id), ""});
  const absl::Status written = store.Apply(std::move(batch));
  MutexLock lock(mutex_);
  --writing_;
  if (written.ok()) {
    stored_.emplace(record.sequence(), request.id);
  } else {
    // They are still there; the next write forgets them.
    stored_.merge(forgotten);
  }
  return written;
}

}  // namespace nevus
