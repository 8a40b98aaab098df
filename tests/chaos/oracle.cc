#include "tests/chaos/oracle.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/digest.h"

namespace nevus::chaos {
namespace {

absl::Time FromTimestamp(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) +
         absl::Nanoseconds(time.nanos());
}

std::string VersionText(const std::string& name, int64_t version) {
  return absl::StrCat(name, "@", version);
}

std::string SplitName(v1::Split split) {
  switch (split) {
    case v1::TRAIN:
      return "train";
    case v1::VALIDATION:
      return "validation";
    case v1::TEST:
      return "test";
    default:
      return "unspecified";
  }
}

// "" or how `row` differs from what was sent. Drafts and versions hold rows as
// they were sent: nobody draws splits during the test.
std::string Differs(const v1::Example& row, const v1::Example& sent) {
  if (row.label() != sent.label()) return "another label";
  if (row.split() != sent.split()) return "another split";
  if (row.group() != sent.group()) return "another group";
  if (!sent.image_digest().empty() &&
      row.image_digest() != sent.image_digest()) {
    return "another image";
  }
  const std::map<std::string, std::string> there(row.attributes().begin(),
                                                 row.attributes().end());
  const std::map<std::string, std::string> then(sent.attributes().begin(),
                                                sent.attributes().end());
  return there == then ? "" : "other attributes";
}

class Judgement {
 public:
  Judgement(const Book& book, const Observed& observed)
      : book_(book), observed_(observed), findings_(observed.problems) {}

  std::vector<std::string> Take() {
    JudgeDatasets();
    JudgeJobs();
    JudgeFeatures();
    JudgeModels();
    JudgeAliases();
    return std::move(findings_);
  }

 private:
  template <typename... Parts>
  void Find(const Parts&... parts) {
    findings_.push_back(absl::StrCat(parts...));
  }

  void JudgeDatasets() {
    for (const auto& [name, book] : book_.datasets) {
      const auto found = observed_.datasets.find(name);
      if (found != observed_.datasets.end()) {
        JudgeDataset(name, book, found->second);
      } else if (!book.settled.empty()) {
        Find("dataset ", name, " is gone with ", book.settled.size(),
             " acknowledged examples");
      }
    }
    for (const auto& [name, dataset] : observed_.datasets) {
      if (book_.datasets.count(name) == 0) {
        Find("dataset ", name, " is there and nobody imported it");
      }
    }
  }

  void JudgeDataset(const std::string& name, const DatasetBook& book,
                    const ObservedDataset& seen) {
    JudgeRows("the draft of " + name, book, book.settled, seen.draft);
    int unacknowledged = 0;
    std::set<int64_t> numbers;
    for (const ObservedVersion& version : seen.versions) {
      const std::string text = VersionText(name, version.version.version());
      numbers.insert(version.version.version());
      JudgeVersion(text, version);
      const auto sealed = book.sealed.find(version.version.version());
      if (sealed == book.sealed.end()) {
        ++unacknowledged;
        JudgeRows(text, book, {}, version.rows);
        continue;
      }
      if (sealed->second.version.digest() != version.version.digest()) {
        Find(text, " was acknowledged with digest ",
             sealed->second.version.digest(), " and has ",
             version.version.digest());
      }
      JudgeRows(text, book, sealed->second.must_hold, version.rows);
    }
    for (const auto& [number, sealed] : book.sealed) {
      if (numbers.count(number) == 0) {
        Find("the acknowledged version ", VersionText(name, number),
             " is lost");
      }
    }
    if (unacknowledged > book.unanswered_seals) {
      Find("dataset ", name, " has ", unacknowledged,
           " versions that were never acknowledged, but only ",
           book.unanswered_seals, " seals went without an answer");
    }
    if (!numbers.empty() &&
        *numbers.rbegin() != static_cast<int64_t>(numbers.size())) {
      Find("the versions of dataset ", name, " are not 1 to ", numbers.size());
    }
  }

  // Settled rows are there, no others than sent ones are, all as sent.
  void JudgeRows(const std::string& where, const DatasetBook& book,
                 const std::set<std::string>& must_hold,
                 const std::vector<v1::Example>& rows) {
    std::set<std::string> ids;
    for (const v1::Example& row : rows) {
      if (!ids.insert(row.id()).second) {
        Find("example ", row.id(), " stands twice in ", where);
      }
      const auto sent = book.sent.find(row.id());
      if (sent == book.sent.end()) {
        Find("example ", row.id(), " in ", where, " was never sent");
        continue;
      }
      const std::string how = Differs(row, sent->second);
      if (!how.empty()) {
        Find("example ", row.id(), " in ", where, " has ", how,
             " than was sent");
      }
    }
    for (const std::string& id : must_hold) {
      if (ids.count(id) == 0) {
        Find("the acknowledged example ", id, " is missing in ", where);
      }
    }
  }

  // A torn version: what it says of itself is not what its rows are.
  void JudgeVersion(const std::string& text, const ObservedVersion& seen) {
    if (seen.version.examples() != static_cast<int64_t>(seen.rows.size())) {
      Find(text, " is torn: it says ", seen.version.examples(),
           " examples and has ", seen.rows.size());
    }
    const std::string digest = DigestFromTheDocs(seen.rows);
    if (digest != seen.version.digest()) {
      Find(text, " is torn: its digest is ", seen.version.digest(),
           ", that of its rows ", digest);
    }
    std::map<std::string, int64_t> counts;
    for (const v1::Example& row : seen.rows) {
      ++counts[absl::StrCat(SplitName(row.split()), "/", row.label())];
    }
    if (counts != std::map<std::string, int64_t>(seen.version.counts().begin(),
                                                 seen.version.counts().end())) {
      Find(text, " is torn: its counts are not those of its rows");
    }
  }

  void JudgeJobs() {
    std::map<std::string, const v1::Job*> by_request;
    for (const v1::Job& job : observed_.jobs) {
      if (!by_request.emplace(job.request_id(), &job).second) {
        Find("the request ", job.request_id(),
             " has two jobs: ", by_request[job.request_id()]->id(), " and ",
             job.id());
      }
      const auto book = book_.jobs.find(job.request_id());
      if (book == book_.jobs.end()) {
        Find("nobody asked for ", Text(job));
        continue;
      }
      if (book->second.kind != job.kind()) Find(Text(job), " changed its kind");
      JudgeEnd(book->second, job);
    }
    for (const auto& [request, book] : book_.jobs) {
      if (book.id.empty()) continue;
      const auto found = by_request.find(request);
      if (found == by_request.end()) {
        Find("the acknowledged job ", book.id, " is unknown");
      } else if (found->second->id() != book.id) {
        Find("the request ", request, " was acknowledged as job ", book.id,
             " and is now ", found->second->id());
      }
    }
  }

  void JudgeEnd(const JobBook& book, const v1::Job& job) {
    const bool cancelled = job.state() == v1::CANCELLED;
    if (job.state() != v1::SUCCEEDED && !cancelled) {
      // FAILED ones that kills excuse were brought to their end by a retry.
      Find(Text(job), " did not reach its end; its error is ",
           job.error().reason(), ": ", job.error().message());
      return;
    }
    if (cancelled && (book.cancel == CancelWish::kNone ||
                      book.cancel == CancelWish::kTooLate)) {
      Find(Text(job), " was cancelled, though ",
           book.cancel == CancelWish::kNone ? "nobody wanted that"
                                            : "it had ended before");
    }
    if (!cancelled && book.cancel == CancelWish::kGranted) {
      Find(Text(job), " went on after its cancellation was acknowledged");
    }
    for (const v1::Task& task : job.tasks()) {
      if (cancelled ? task.state() == v1::WAITING || task.state() == v1::LEASED
                    : task.state() != v1::DONE) {
        Find(Text(job), " has a task ", task.index(), " that is ",
             v1::TaskState_Name(task.state()));
      }
    }
  }

  void JudgeFeatures() {
    for (const auto& [digest, seen] : observed_.spaces) {
      if (seen.space.features() != static_cast<int64_t>(seen.present.size())) {
        Find("the feature space ", digest, " says ", seen.space.features(),
             " features and has ", seen.present.size());
      }
    }
    for (const v1::Job& job : observed_.jobs) {
      const auto book = book_.jobs.find(job.request_id());
      if (job.kind() != v1::EXTRACTION || job.state() != v1::SUCCEEDED ||
          book == book_.jobs.end()) {
        continue;
      }
      const auto space = observed_.spaces.find(job.result());
      if (space == observed_.spaces.end()) {
        Find(Text(job), " made features in the space ", job.result(),
             ", which is not there");
        continue;
      }
      for (const v1::Example& row :
           RowsOf(book->second.dataset, book->second.version)) {
        if (space->second.present.count(row.image_digest()) == 0) {
          Find(Text(job), " succeeded, but example ", row.id(),
               " has no feature in ", job.result());
        }
      }
    }
  }

  std::vector<v1::Example> RowsOf(const std::string& dataset, int64_t version) {
    const auto found = observed_.datasets.find(dataset);
    if (found == observed_.datasets.end()) return {};
    for (const ObservedVersion& seen : found->second.versions) {
      if (seen.version.version() == version) return seen.rows;
    }
    return {};
  }

  void JudgeModels() {
    std::map<std::string, std::string> by_job;
    for (const v1::Model& model : observed_.models) {
      const std::string text = VersionText(model.name(), model.version());
      const std::string& job = model.lineage().job();
      if (!by_job.emplace(job, text).second) {
        Find("the job ", job, " registered two models: ", by_job[job], " and ",
             text);
      }
    }
    std::set<std::string> judged;
    for (const v1::Evaluation& evaluation : observed_.evaluations) {
      judged.insert(evaluation.job());
    }
    std::set<std::string> known;
    for (const v1::Job& job : observed_.jobs) {
      known.insert(job.id());
      if (job.state() != v1::SUCCEEDED) continue;
      if (job.kind() == v1::TRAINING && by_job[job.id()] != job.result()) {
        Find(Text(job), " says that it made ", job.result(), ", but it is \"",
             by_job[job.id()], "\" that names it");
      }
      if (job.kind() == v1::TRAINING) JudgeSweep(job);
      if (job.kind() == v1::EVALUATION && judged.count(job.id()) == 0) {
        Find(Text(job), " succeeded and recorded no evaluation");
      }
    }
    for (const std::string& checkpoint : observed_.checkpoints) {
      Find("the sweep has registered its model, but a checkpoint is kept of ",
           checkpoint);
    }
    for (const auto& [job, model] : by_job) {
      if (!model.empty() && known.count(job) == 0) {
        Find("the model ", model, " comes from the job ", job,
             ", which is unknown");
      }
    }
  }

  // One that succeeded tried all that was asked for and kept the best. What a
  // task measured last is known only if its heartbeat was heard.
  void JudgeSweep(const v1::Job& job) {
    const auto book = book_.jobs.find(job.request_id());
    if (book == book_.jobs.end() || book->second.candidates == 0) return;
    if (job.tasks_size() != book->second.candidates + 1) {
      Find(Text(job), " has ", job.tasks_size(), " tasks for ",
           book->second.candidates, " candidates and a choice");
    }
    const auto model =
        std::find_if(observed_.models.begin(), observed_.models.end(),
                     [&](const v1::Model& other) {
                       return other.lineage().job() == job.id();
                     });
    if (model == observed_.models.end()) return;  // found already
    for (const v1::Task& task : job.tasks()) {
      for (const v1::Metric& metric : task.progress().metrics()) {
        if (metric.name() == "validation_auc" &&
            metric.value() > model->training().validation_auc()) {
          Find(Text(job), " kept a model of validation AUC ",
               model->training().validation_auc(), ", but its task ",
               task.index(), " reached ", metric.value());
        }
      }
    }
  }

  void JudgeAliases() {
    std::map<std::string, int64_t> there;
    for (const v1::Alias& alias : observed_.aliases) {
      there[absl::StrCat(alias.model(), "@", alias.alias())] = alias.version();
    }
    for (const auto& [name, book] : book_.aliases) {
      const int64_t version = there.count(name) == 0 ? 0 : there[name];
      if (version != book.settled && book.pending.count(version) == 0) {
        Find("the alias ", name, " points at ", version,
             "; its last acknowledged promotion was to ", book.settled);
      }
    }
    for (const auto& [name, version] : there) {
      if (book_.aliases.count(name) == 0) {
        Find("the alias ", name, " is there and nobody made it");
      }
    }
  }

  static std::string Text(const v1::Job& job) {
    return absl::StrCat("the job ", job.id(), " (", job.title(), "; ",
                        v1::JobState_Name(job.state()), ", request ",
                        job.request_id(), ")");
  }

  const Book& book_;
  const Observed& observed_;
  std::vector<std::string> findings_;
};

}  // namespace

std::vector<std::string> Judge(const Book& book, const Observed& observed) {
  return Judgement(book, observed).Take();
}

bool ExcusedByKills(const v1::Job& job, const std::vector<Kill>& kills) {
  if (job.state() != v1::FAILED) return false;
  // UNAVAILABLE: a peer or the worker went away; ABORTED: the lease was lost to
  // another attempt; the deadline of a call to a peer that went away.
  const auto code = static_cast<absl::StatusCode>(job.error().code());
  if (code != absl::StatusCode::kUnavailable &&
      code != absl::StatusCode::kAborted &&
      code != absl::StatusCode::kDeadlineExceeded) {
    return false;
  }
  const absl::Time start = FromTimestamp(job.start_time());
  const absl::Time end = FromTimestamp(job.end_time());
  const auto during = std::count_if(
      kills.begin(), kills.end(),
      [&](const Kill& kill) { return kill.time >= start && kill.time <= end; });
  for (const v1::Task& task : job.tasks()) {
    if (task.state() == v1::BROKEN && during < task.attempts()) return false;
  }
  return true;
}

std::vector<std::string> JobsToRetry(std::vector<v1::Job> jobs,
                                     const std::vector<Kill>& kills) {
  // What a job waits for was there before it.
  std::sort(jobs.begin(), jobs.end(), [](const v1::Job& a, const v1::Job& b) {
    return FromTimestamp(a.create_time()) < FromTimestamp(b.create_time());
  });
  std::vector<std::string> ids;
  for (const v1::Job& job : jobs) {
    const bool behind =
        job.state() == v1::FAILED &&
        job.error().reason() == "DEPENDENCY_FAILED" &&
        std::any_of(job.depends_on().begin(), job.depends_on().end(),
                    [&](const std::string& id) {
                      return std::count(ids.begin(), ids.end(), id) > 0;
                    });
    if (behind || ExcusedByKills(job, kills)) ids.push_back(job.id());
  }
  return ids;
}

std::string DigestFromTheDocs(std::vector<v1::Example> rows) {
  std::sort(rows.begin(), rows.end(),
            [](const v1::Example& a, const v1::Example& b) {
              return a.id() < b.id();
            });
  std::string bytes;
  const auto add = [&](absl::string_view field) {
    uint64_t size = field.size();
    for (int i = 0; i < 8; ++i, size >>= 8) {
      bytes += static_cast<char>(size & 0xff);
    }
    bytes.append(field.data(), field.size());
  };
  add("nevus dataset 1");
  for (const v1::Example& row : rows) {
    add(row.id());
    add(row.image_digest());
    add(SplitName(row.split()));
    add(row.label());
    add(row.group());
    add(absl::StrCat(row.attributes_size()));
    const std::map<std::string, std::string> sorted(row.attributes().begin(),
                                                    row.attributes().end());
    for (const auto& [name, value] : sorted) {
      add(name);
      add(value);
    }
  }
  return Sha256Hex(bytes);
}

}  // namespace nevus::chaos
