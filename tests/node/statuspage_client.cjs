// An unmodified npm client of Statuspage's public API, asked everything it knows to ask. Usage: node … FOLDER URL
const { Statuspage } = require(process.argv[2]);

const page = new Statuspage("kctbh9vrtdwd");
page.setApiUrl(process.argv[3]);
const asked = {
  components: page.api.getComponents(),
  incidents: page.api.incidents.getAll(),
  unresolved: page.api.incidents.getUnresolved(),
  upcoming: page.api.scheduledMaintenances.getUpcoming(),
  status: page.api.getStatus(),
  summary: page.api.getSummary(),
};
Promise.all(Object.entries(asked).map(async ([name, answer]) => [name, await answer])).then(
  (all) => console.log(JSON.stringify(Object.fromEntries(all))),
  (error) => { console.error(String(error)); process.exit(1); },
);
