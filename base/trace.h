// The trace that work belongs to (W3C Trace Context, level 1): read from a
// call, kept for the thread that serves it, written into its log lines and into
// the calls that it makes. Knows no RPC; a disabled trace costs nothing.
#ifndef NEVUS_BASE_TRACE_H_
#define NEVUS_BASE_TRACE_H_

#include <optional>
#include <string>
#include <string_view>

namespace nevus {

// The name of the header, and of gRPC's metadata.
inline constexpr char kTraceparent[] = "traceparent";

struct TraceContext {
  std::string trace_id;   // 32 lower-case hex digits, not all zero
  std::string parent_id;  // 16: the caller's span
  std::string flags;      // 2
};

// Nothing unless `header` is a traceparent: of version 00 as the specification
// has it, of a later one as far as 00 goes.
std::optional<TraceContext> ParseTraceparent(std::string_view header);

// The header of a call made on behalf of `trace`: of version 00, with
// `span_id`, 16 hex digits, as the caller's span.
std::string FormatTraceparent(const TraceContext& trace,
                              const std::string& span_id);

// Of this thread; nothing: its work belongs to none.
const std::optional<TraceContext>& CurrentTrace();
void SetCurrentTrace(std::optional<TraceContext> trace);

}  // namespace nevus

#endif  // NEVUS_BASE_TRACE_H_
