#include "clients/nevus/job_display.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace nevus {
namespace {

constexpr size_t kMostTasks = 10;

// Time goes on between the news, and news can come faster than eyes.
constexpr absl::Duration kDrawEvery = absl::Milliseconds(200);

}  // namespace

std::string Redraw(size_t previous, const std::vector<std::string>& lines) {
  std::string text;
  // Over the old lines, clearing what is longer, rather than clearing first: it
  // does not flicker.
  if (previous > 0) absl::StrAppend(&text, "\x1b[", previous, "A\r");
  for (const std::string& line : lines) {
    absl::StrAppend(&text, line, "\x1b[K\n");
  }
  if (previous > lines.size()) text += "\x1b[J";
  return text;
}

JobDisplay::JobDisplay(const Terminal& terminal) : terminal_(terminal) {
  if (!terminal_.err_is_terminal) return;
  drawer_ = std::thread([this] {
    while (!stop_.WaitFor(kDrawEvery)) Draw();
  });
}

JobDisplay::~JobDisplay() {
  if (!terminal_.err_is_terminal) return;
  stop_.Stop();
  drawer_.join();
  Draw();
}

void JobDisplay::Take(const v1::WatchJobResponse& news) {
  if (terminal_.err_is_terminal) {
    MutexLock lock(mutex_);
    view_.Take(news);
    return;
  }
  const std::string line = narrator_.Tell(news);
  if (!line.empty()) terminal_.err << line << std::endl;
}

// Called by the drawing thread, and after it has ended.
void JobDisplay::Draw() {
  // A full line would put the cursor onto the next one.
  const int columns = std::max(2, terminal_.columns()) - 1;
  std::vector<std::string> lines;
  {
    MutexLock lock(mutex_);
    lines = view_.Lines(clock_.Now(), static_cast<size_t>(columns), kMostTasks);
  }
  if (lines == drawn_) return;
  terminal_.err << Redraw(drawn_.size(), lines) << std::flush;
  drawn_ = std::move(lines);
}

}  // namespace nevus
