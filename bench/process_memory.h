// The largest amount of memory that this process held (Linux: VmHWM).
#pragma once

namespace lacuna {

// Forgets the peak so far. Where the kernel does not allow it the peak stays that of the whole run.
void reset_peak_memory();

// Bytes; 0 where the system does not say.
double peak_memory_bytes();

}  // namespace lacuna
