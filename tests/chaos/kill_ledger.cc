#include "tests/chaos/kill_ledger.h"

#include "absl/strings/str_cat.h"

namespace nevus::chaos {

void Ledger::ImportBegins(const std::string& dataset,
                          const v1::Example& example) {
  MutexLock lock(mutex_);
  book_.datasets[dataset].sent.emplace(example.id(), example);
}

void Ledger::ImportSettled(const std::string& dataset, const std::string& id,
                           const std::string& image_digest) {
  MutexLock lock(mutex_);
  DatasetBook& book = book_.datasets[dataset];
  book.sent[id].set_image_digest(image_digest);
  book.settled.insert(id);
}

void Ledger::SealBegins(const std::string& dataset) {
  MutexLock lock(mutex_);
  ++book_.datasets[dataset].unanswered_seals;
}

void Ledger::SealSettled(const v1::DatasetVersion& version) {
  MutexLock lock(mutex_);
  DatasetBook& book = book_.datasets[version.dataset()];
  --book.unanswered_seals;
  const auto [sealed, is_new] =
      book.sealed.emplace(version.version(), DatasetBook::Sealed());
  if (!is_new && sealed->second.version.digest() != version.digest()) {
    findings_.push_back(absl::StrCat(
        version.dataset(), "@", version.version(), " was acknowledged with ",
        sealed->second.version.digest(), " and later with ", version.digest()));
  }
  sealed->second = {version, book.settled};
}

void Ledger::SubmitBegins(const std::string& request_id, const JobBook& job) {
  MutexLock lock(mutex_);
  book_.jobs[request_id] = job;
}

void Ledger::SubmitSettled(const std::string& request_id,
                           const std::string& job_id) {
  MutexLock lock(mutex_);
  std::string& id = book_.jobs[request_id].id;
  if (!id.empty() && id != job_id) {
    findings_.push_back(absl::StrCat("the request ", request_id,
                                     " was answered with job ", id,
                                     " and later with ", job_id));
  }
  id = job_id;
}

void Ledger::CancelBegins(const std::string& request_id) {
  MutexLock lock(mutex_);
  book_.jobs[request_id].cancel = CancelWish::kPending;
}

void Ledger::CancelSettled(const std::string& request_id, bool granted) {
  MutexLock lock(mutex_);
  book_.jobs[request_id].cancel =
      granted ? CancelWish::kGranted : CancelWish::kTooLate;
}

void Ledger::PromoteBegins(const std::string& alias, int64_t version) {
  MutexLock lock(mutex_);
  book_.aliases[alias].pending.insert(version);
}

void Ledger::PromoteSettled(const std::string& alias, int64_t version) {
  MutexLock lock(mutex_);
  AliasBook& book = book_.aliases[alias];
  book.settled = version;
  // An older one that went unanswered was done before this one, or never.
  book.pending.clear();
}

void Ledger::Finding(const std::string& what) {
  MutexLock lock(mutex_);
  findings_.push_back(what);
}

Book Ledger::book() const {
  MutexLock lock(mutex_);
  return book_;
}

std::vector<std::string> Ledger::findings() const {
  MutexLock lock(mutex_);
  return findings_;
}

}  // namespace nevus::chaos
