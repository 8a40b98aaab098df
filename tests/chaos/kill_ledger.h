// The book of oracle.h while the load runs: many threads write down what they
// ask and what they hear.
#ifndef NEVUS_TESTS_CHAOS_KILL_LEDGER_H_
#define NEVUS_TESTS_CHAOS_KILL_LEDGER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "tests/chaos/oracle.h"

namespace nevus::chaos {

// Thread-safe. Each "Begins" comes before the request is sent, each "Settled"
// after its answer was heard. One thread at a time works on a dataset, a job or
// an alias.
class Ledger {
 public:
  void ImportBegins(const std::string& dataset, const v1::Example& example);
  void ImportSettled(const std::string& dataset, const std::string& id,
                     const std::string& image_digest);

  void SealBegins(const std::string& dataset);
  void SealSettled(const v1::DatasetVersion& version);

  void SubmitBegins(const std::string& request_id, const JobBook& job);
  void SubmitSettled(const std::string& request_id, const std::string& job_id);

  void CancelBegins(const std::string& request_id);
  // `granted`: the answer was CANCELLED, else JOB_ENDED.
  void CancelSettled(const std::string& request_id, bool granted);

  void PromoteBegins(const std::string& alias, int64_t version);
  void PromoteSettled(const std::string& alias, int64_t version);

  // Something was wrong while the load ran.
  void Finding(const std::string& what);

  Book book() const;
  std::vector<std::string> findings() const;

 private:
  mutable Mutex mutex_;
  Book book_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> findings_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nevus::chaos

#endif  // NEVUS_TESTS_CHAOS_KILL_LEDGER_H_
