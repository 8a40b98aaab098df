#include "clients/nevus/job_view.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "clients/nevus/job_text.h"
#include "clients/nevus/output.h"

namespace nevus {
namespace {

constexpr int kBarWidth = 20;
// Longer titles are cut, so that bars stand below each other.
constexpr size_t kTitleWidth = 28;

std::string Title(const v1::Task& task) {
  return CutTo(OneLine(task.title().empty()
                           ? absl::StrCat("task ", task.index())
                           : absl::StrCat(task.index(), " ", task.title())),
               kTitleWidth);
}

}  // namespace

std::string Bar(int64_t done, int64_t total, int width) {
  const double part =
      total <= 0
          ? 0
          : std::clamp(static_cast<double>(done) / static_cast<double>(total),
                       0.0, 1.0);
  const size_t filled = static_cast<size_t>(part * width);
  return absl::StrCat("[", std::string(filled, '='),
                      std::string(static_cast<size_t>(width) - filled, ' '),
                      "]");
}

void JobView::Take(const v1::WatchJobResponse& news) {
  if (news.has_event()) return TakeEvent(news.event());
  job_ = news.job();
  for (const v1::Task& task : job_.tasks()) {
    if (task.state() != v1::LEASED) pace_.erase(task.index());
  }
}

void JobView::TakeEvent(const v1::JobEvent& event) {
  const bool old = event.number() <= job_.last_event();
  if (!old) job_.set_last_event(event.number());
  if (event.has_state()) {
    if (old) return;
    job_.set_state(event.state().state());
    *job_.mutable_error() = event.state().error();
    job_.set_result(event.state().result());
    // Why it waited is another matter now; if it waits, a snapshot says so.
    job_.clear_reason();
    job_.clear_reason_message();
    return;
  }
  const int32_t index = event.has_task()       ? event.task().task()
                        : event.has_progress() ? event.progress().task()
                                               : -1;
  if (index < 0 || index >= job_.tasks_size()) return;
  v1::Task& task = *job_.mutable_tasks(index);
  if (event.has_task()) {
    pace_.erase(index);
    if (old) return;
    task.set_state(event.task().state());
    task.set_worker(event.task().worker());
    task.set_attempts(event.task().attempts());
    if (event.task().has_error()) {
      *task.mutable_last_error() = event.task().error();
    }
    if (task.state() == v1::DONE) {
      task.mutable_progress()->set_done(task.progress().total());
    }
    return;
  }
  // An old one is worth its pace: a snapshot has none.
  if (task.state() == v1::LEASED) {
    Pace& pace = pace_[index];
    pace.rate = event.progress().rate();
    pace.time_left.reset();
    if (event.progress().has_time_left()) {
      pace.time_left = absl::Seconds(event.progress().time_left().seconds()) +
                       absl::Nanoseconds(event.progress().time_left().nanos());
    }
  }
  if (!old) *task.mutable_progress() = event.progress().progress();
}

std::string JobView::HeadLine(absl::Time now) const {
  std::string text =
      absl::StrCat(job_.title().empty() ? job_.id() : job_.title(), "  ",
                   v1::JobState_Name(job_.state()));
  if (job_.tasks_size() > 1) {
    // Images where every task knows how many it has; else tasks.
    v1::Progress all;
    int tasks_done = 0;
    double rate = 0;
    bool known = true;
    for (const v1::Task& task : job_.tasks()) {
      tasks_done += task.state() == v1::DONE;
      known = known && task.progress().total() > 0;
      all.set_done(all.done() + task.progress().done());
      all.set_total(all.total() + task.progress().total());
      all.set_unit(task.progress().unit());
    }
    for (const auto& [task, pace] : pace_) rate += pace.rate;
    const std::string tasks =
        absl::StrCat(tasks_done, "/", job_.tasks_size(), " tasks");
    if (known) {
      const absl::Duration left = absl::Seconds(
          rate > 0 ? static_cast<double>(all.total() - all.done()) / rate : 0);
      const bool goes_on = rate > 0 && job_.state() == v1::RUNNING;
      absl::StrAppend(&text, "  ", Bar(all.done(), all.total(), kBarWidth), " ",
                      JoinParts({ProgressText(all),
                                 goes_on ? PaceText(rate, &left) : "", tasks}));
    } else {
      absl::StrAppend(&text, "  ",
                      Bar(tasks_done, job_.tasks_size(), kBarWidth), " ",
                      tasks);
    }
  }
  if (job_.has_start_time() && job_.state() == v1::RUNNING) {
    absl::StrAppend(
        &text, ", for ",
        FormatDuration(absl::ToDoubleSeconds(now - ToTime(job_.start_time()))));
  }
  const std::string end = job_.state() == v1::FAILED ? ErrorText(job_.error())
                          : job_.state() == v1::SUCCEEDED ? job_.result()
                                                          : "";
  if (!end.empty()) absl::StrAppend(&text, ": ", end);
  return text;
}

std::string JobView::TaskLine(const v1::Task& task, size_t title_width) const {
  std::string text = Title(task);
  text.append(title_width - Width(text), ' ');
  absl::StrAppend(&text, "  ", v1::TaskState_Name(task.state()));
  text.append(8 - std::min<size_t>(8, v1::TaskState_Name(task.state()).size()),
              ' ');
  const v1::Progress& progress = task.progress();
  if (progress.total() > 0) {
    absl::StrAppend(&text, Bar(progress.done(), progress.total(), kBarWidth),
                    " ");
  }
  std::string pace;
  if (const auto found = pace_.find(task.index()); found != pace_.end()) {
    const std::optional<absl::Duration>& left = found->second.time_left;
    pace = PaceText(found->second.rate, left ? &*left : nullptr);
  }
  std::string note;
  if (task.state() == v1::WAITING || task.state() == v1::BROKEN) {
    note = ErrorText(task.last_error());
  } else if (task.state() == v1::LEASED) {
    note = progress.message();
  }
  return text + JoinParts({ProgressText(progress), pace, MetricText(progress),
                           task.attempts() > 1
                               ? absl::StrCat("attempt ", task.attempts())
                               : "",
                           note});
}

std::vector<std::string> JobView::Lines(absl::Time now, size_t columns,
                                        size_t most_tasks) const {
  if (job_.id().empty()) return {};
  std::vector<std::string> lines = {HeadLine(now)};
  if (!job_.reason_message().empty()) {
    lines.push_back(absl::StrCat("  waits: ", job_.reason_message(), " (",
                                 job_.reason(), ")"));
  }
  std::vector<const v1::Task*> shown;
  const bool all = static_cast<size_t>(job_.tasks_size()) <= most_tasks;
  size_t more = 0;
  for (const v1::Task& task : job_.tasks()) {
    if (!all && task.state() != v1::LEASED) continue;
    if (shown.size() < most_tasks) {
      shown.push_back(&task);
    } else {
      ++more;
    }
  }
  size_t title_width = 0;
  for (const v1::Task* task : shown) {
    title_width = std::max(title_width, Width(Title(*task)));
  }
  for (const v1::Task* task : shown) {
    lines.push_back("  " + TaskLine(*task, title_width));
  }
  if (more > 0) lines.push_back(absl::StrCat("  and ", more, " more"));
  for (std::string& line : lines) {
    line = CutTo(OneLine(line), columns);
    line.erase(line.find_last_not_of(" ") + 1);
  }
  return lines;
}

std::string JobNarrator::Tell(const v1::WatchJobResponse& news) {
  if (news.has_event()) return EventLine(news.event(), job_);
  const bool other = !told_ || news.job().reason() != job_.reason() ||
                     news.job().reason_message() != job_.reason_message();
  const bool first = !told_;
  told_ = true;
  job_ = news.job();
  if (!other || (!first && job_.reason_message().empty())) return "";
  // Between two tasks, for an instant: no news.
  const bool between =
      job_.state() == v1::RUNNING && job_.reason() == "WORKERS_BUSY";
  if (!first && between) return "";
  std::string line = job_.id();
  if (first) {
    absl::StrAppend(&line, job_.title().empty() ? "" : ", ", job_.title(), ": ",
                    v1::JobState_Name(job_.state()));
  }
  if (!job_.reason_message().empty()) {
    absl::StrAppend(&line,
                    first ? ", waits: " : " waits: ", job_.reason_message(),
                    " (", job_.reason(), ")");
  }
  return OneLine(line);
}

}  // namespace nevus
