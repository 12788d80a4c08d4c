// While an import runs, the page reads itself again.

setTimeout(() => location.reload(), 1000);
